"""Where a search reads and writes."""

from dataclasses import dataclass
from pathlib import Path

from cellsift.training.classification.files import FoldFiles


@dataclass(frozen=True)
class SearchFiles:
    """Where one job of a search reads and writes.

    Attributes:
        trials: gets the table of the trials, once this job finds that there are enough. Beside it
            lies the journal that all jobs of the search share.
        job: number of this job, from 1.
        starting_point: what all trials start from, as in `FoldFiles`.
    """

    trials: Path
    job: int = 1
    starting_point: Path | None = None

    @property
    def journal(self) -> Path:
        """The trials of all jobs."""
        return self.trials.with_name("journal.log")

    @property
    def work(self) -> Path:
        """What trainings write; removed at the end."""
        return self.trials.with_name(f"work-{self.job}")

    def fold(self, number: int) -> FoldFiles:
        """Return the files of a training with this inner fold held out."""
        work = self.work
        return FoldFiles(
            model=work / f"{number}.json",
            history=work / f"{number}-history.csv",
            scores=work / f"{number}-scores.csv",
            curves=work / "curves",
            checkpoint=work / f"{number}.pt",
            starting_point=self.starting_point,
        )
