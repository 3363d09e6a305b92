"""Commands that run the workflow, all of it or up to one target."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from cellsift.results import Results

CONFIG = Annotated[Path, typer.Argument(help="The config of the run.", show_default=False)]
ARM = Annotated[str, typer.Argument(help="An arm of the config.", show_default=False)]
SLURM = Annotated[bool, typer.Option("--slurm", help="Send the work to SLURM.")]
PROFILE = Annotated[
    Path | None, typer.Option(help="A profile of your own in the place of local and slurm.")
]
DRY = Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")]


def _whole(said: str, *targets: str) -> Callable[..., None]:
    """A command that runs the workflow of a config up to these targets."""

    def command(
        more: typer.Context,
        config: CONFIG,
        slurm: SLURM = False,
        profile: PROFILE = None,
        dry_run: DRY = False,
    ) -> None:
        _run([*targets], config, slurm, profile, dry_run, more.args)

    command.__doc__ = said
    return command


def _of_arm(said: str, made: Callable[["Results", str], Path]) -> Callable[..., None]:
    """A command that runs it up to what is `made` of an arm."""

    def command(
        more: typer.Context,
        config: CONFIG,
        arm: ARM,
        slurm: SLURM = False,
        profile: PROFILE = None,
        dry_run: DRY = False,
    ) -> None:
        target = str(made(_results(config, arm), arm))
        _run([target], config, slurm, profile, dry_run, more.args)

    command.__doc__ = said
    return command


run = _whole("Run the workflow of a config. What is not known here is passed on to Snakemake.")
train = _of_arm(
    "Train one arm of a config, and what it needs before that.",
    lambda results, arm: results.model(arm).description,
)
evaluate = _whole("Measure all arms of a config, without explanations and pages.", "evaluate")
explain = _of_arm(
    "Picture where an arm of a config looks.",
    lambda results, arm: results.explanation(arm).montage,
)
# The page is made anew, as nothing is said at the end of a run that finds all of it there.
suggest = _whole(
    "Suggest what to annotate next in each brain of a config.", "suggest", "--forcerun", "suggest"
)
report = _whole(
    "Make the page that compares all arms of a config, and what it needs before that.",
    "report_index",
)


def try_detection(config: Path) -> None:
    """Only detect, in the annotated train brains, and show what is found."""
    _run(["try_detection", "--forcerun", "try_detection"], config, False, None, False, [])


def _results(config: Path, arm: str) -> "Results":
    """Where the results of a config lie; InputError for an arm that it does not have."""
    from cellsift.errors import InputError
    from cellsift.project.reading import read_project
    from cellsift.results import Results

    project = read_project(config)
    if arm not in project.arms:
        known = ", ".join(project.arms)
        raise InputError(f"{config} has no arm {arm}; give one of {known}, or add it to arms")
    return Results(project.config.results)


def _run(
    targets: list[str],
    config: Path,
    slurm: bool,
    profile: Path | None,
    dry_run: bool,
    more: list[str],
) -> None:
    from cellsift.errors import InputError
    from cellsift.settings.files import REPOSITORY, read_yaml
    from cellsift.workflow.command_line import unknown_to_snakemake
    from cellsift.workflow.running import run as run_workflow

    read_yaml(config)
    workflow = REPOSITORY / "workflow"
    profile = profile or workflow / "profiles" / ("slurm" if slurm else "local")
    arguments = [*targets, *more, *(["--dry-run"] if dry_run else [])]
    arguments += ["--configfile", str(config), "--profile", str(profile)]
    arguments += ["--snakefile", str(workflow / "Snakefile")]
    if unknown := unknown_to_snakemake(arguments):
        # Snakemake itself would answer with all of its hundred options.
        raise InputError(
            f"neither cellsift nor Snakemake knows {' '.join(unknown)}; see cellsift run --help, "
            "and snakemake --help for what is passed on to it"
        )
    # Snakemake ends the process itself; what is refused before is refused with 1.
    sys.exit(run_workflow(arguments))
