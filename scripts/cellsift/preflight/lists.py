"""Whether a text file lists the planes of a volume in the order in which they lie."""

from cellsift.io.plane_names import out_of_order
from cellsift.io.volumes import kind_of, list_planes


def list_doubts(path: str) -> list[str]:
    """Tell of a list whose planes are not in the order of their numbers; none for other volumes."""
    stray = out_of_order(list_planes(path)) if kind_of(path) == "list" else None
    if stray is None:
        return []
    return [
        f"the list has {stray[1].name} after {stray[0].name}, which is not the order of their "
        "numbers. Planes are taken in the list's order. If that is not meant, as where a program "
        "has sorted names by letters (10 before 2), list them again, by ls -v say."
    ]
