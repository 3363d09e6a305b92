"""The release that a config asks for, checked against the arms before any work."""

from collections.abc import Mapping

from cellsift.errors import InputError
from cellsift.io.paths import expanded
from cellsift.releases.manifest import check_name_and_version
from cellsift.releases.texts import read_texts
from cellsift.settings.arms import Arm
from cellsift.settings.config import RELEASE, Config, WantedRelease
from cellsift.settings.nearest import or_nearest


def wanted_release(config: Config, arms: Mapping[str, Arm]) -> WantedRelease | None:
    """What a run is to release; None in any other mode.

    Raises InputError where the config does not say what, or says what cannot be released.

    Example:
        wanted_release(config, arms).name  # "cfos-2026"
    """
    if config.mode != RELEASE:
        return None
    wanted = config.release
    if wanted is None:
        raise InputError(
            "config, release: mode: release needs to be told what to release; write release: "
            f"{{arm: {next(iter(arms))}, name: cfos-2026}} into the config, with an arm that the "
            "comparison spoke for"
        )
    if wanted.arm not in arms:
        raise InputError(
            f"config, release, arm: {wanted.arm!r} is not among the arms of the config"
            + or_nearest([wanted.arm], arms, f"name one of {', '.join(arms)}")
        )
    if arms[wanted.arm].model is not None:
        raise InputError(
            f"config, release, arm: {wanted.arm} is a finished model, which is not trained here; "
            "name an arm that is"
        )
    try:
        check_name_and_version(wanted.name, wanted.version)
        card = expanded(wanted.card)
        read_texts(card or None)
    except InputError as error:
        raise InputError(f"config, release: {error}") from None
    return wanted.model_copy(update={"card": card})


def arms_to_train(wanted: WantedRelease | None, arms: Mapping[str, Arm]) -> list[str]:
    """The arms that a release has a network of: the arm, or its members."""
    if wanted is None:
        return []
    return arms[wanted.arm].members or [wanted.arm]
