"""Where a search reads and writes."""

from dataclasses import dataclass
from pathlib import Path

from cellsift.training.classification.files import FoldFiles


@dataclass(frozen=True)
class SearchFiles:
    """Where one job of a search reads and writes.

    Attributes:
        folder: of the search; journal.log in it is what its jobs share.
        job: number of this job, from 1.
        starting_point: what all trials start from, as in `FoldFiles`.
    """

    folder: Path
    job: int = 1
    starting_point: Path | None = None

    @property
    def journal(self) -> Path:
        """The trials of all jobs."""
        return self.folder / "journal.log"

    @property
    def trials(self) -> Path:
        """The table of the trials, once this job finds that there are enough."""
        return self.folder / f"job-{self.job}.csv"

    @property
    def work(self) -> Path:
        """What trainings write; removed at the end."""
        return self.folder / f"work-{self.job}"

    def fold(self, number: int) -> FoldFiles:
        """Return the files of a training with this inner fold held out."""
        checkpoint = self.work / f"{number}.pt"
        return FoldFiles(self.work, self.work, checkpoint, starting_point=self.starting_point)
