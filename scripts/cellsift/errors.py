"""The one exception that is meant for the user's eyes, and what to say of a disk that fails."""

import errno

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
CLOSED = {errno.EROFS, errno.EACCES, errno.EPERM}
GONE = {
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EIO,
    errno.ESTALE,
    errno.ENXIO,
    errno.ENODEV,
    errno.ENOTCONN,
    errno.ETIMEDOUT,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ECONNREFUSED,
    errno.ECONNRESET,
}


class InputError(Exception):
    """Something the user gave cannot be used; the message says what was found and what to change.

    Adapters print the message alone, without a traceback, and exit with a code other than 0.
    """


class TrainingDiverged(InputError):
    """A training whose numbers are not finite any more: its recipe cannot be used."""


def disk_trouble(error: BaseException) -> str | None:
    """What is wrong with a disk or network share and what to do about it, in one sentence or two.

    None for an error that says nothing about the disk. The file is not named.
    """
    number, reason = getattr(error, "errno", None), getattr(error, "strerror", None)
    if number in FULL:
        return (
            f"there is no room to write ({reason}). Free some space there, or set results "
            "in the config to a folder on another disk, then start the run again"
        )
    if number in CLOSED:
        return (
            f"this may not be read or written ({reason}). Give yourself the permission, or "
            "set results in the config to a folder that can be written to, then start the run again"
        )
    if number in GONE:
        return (
            f"this cannot be reached ({reason}). Check that its disk or network share is "
            "mounted and the file is there, then start the run again"
        )
    return None
