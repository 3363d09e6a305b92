"""Paths as people write them into tables and settings."""

import os
import re


def expanded(path: str) -> str:
    """The path with a leading ~ or ~name replaced by that home folder, as a shell does."""
    return os.path.expanduser(path) if path.startswith("~") else path


def hint(path: object) -> str:
    """What may be wrong with a path that leads nowhere: a sentence after a space, or nothing."""
    text = str(path)
    for sign, said in _SIGNS:
        if re.search(sign, text):
            return f" {said}"
    return ""


_SIGNS = (
    (
        r"(^|/)~",
        "A ~ stands for a home folder in a shell, and at the beginning of a path in the table of "
        "brains and the config; here it is part of the name: write the folder itself, such as "
        "/home/NAME.",
    ),
    (
        r"\$\w|\$\{|%\w+%",
        "Variables such as $HOME or %USERPROFILE% are not replaced: write the folder itself.",
    ),
    (r"^file:/", "It is a file:// address: write the plain path, /data for file:///data."),
    (r"\\ ", "A backslash before a space is for a shell: write the space alone."),
    (
        r"^[A-Za-z]:[\\/]|\\",
        "It looks like a path of Windows: write it as this machine sees it, with / and, in WSL, "
        "/mnt/c/ for C:\\.",
    ),
    (
        r"\*",
        "Patterns such as *.tif are not looked up: give the folder of the planes, or a text file "
        "that lists them.",
    ),
    (r"^[\"'\u2018-\u201e].*[\"'\u2018-\u201e]$", "The quotes are part of the name: remove them."),
    (r"^\s|\s$", "It begins or ends with a space: remove it."),
)
