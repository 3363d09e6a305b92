"""Whether the note of the shipped config was left in a run on brains of a user's own."""

from pathlib import Path

from cellsift.settings.brains import Brain
from cellsift.settings.project import Project

# By these words of the note of config/config.yaml it is known.
WORDS = "demonstration on made-up brains"


def demo_note_doubts(project: Project) -> list[str]:
    """What to say where the note speaks of made-up brains, and not all are: a sentence, or none."""
    if WORDS not in " ".join(project.config.note.split()):
        return []
    others = [name for name, brain in project.brains.items() if not _is_made_up(brain)]
    if not others:
        return []
    return [
        f'the report will say "{WORDS}", since note in the config is still that of the demo, but '
        f"{others[0]} is none of its brains. Write a note of your own, or leave it out."
    ]


def _is_made_up(brain: Brain) -> bool:
    """Whether it is as `phantom.cohort` writes brains, beside a file on how they were made."""
    return Path(brain.signal).parent.joinpath("brain.json").is_file()
