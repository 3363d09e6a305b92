"""The one place where paths under the folder of results are spelled.

Rules, pages and exports ask for them here, with a name or with a wildcard: of
`Results("results").brain("{brain}").candidates` a rule makes its pattern. The steps themselves are
given paths: where results lie decides nothing about them.
"""

from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path

# In a folder of results, which runs of several checkouts may share.
LOCK = ".run.lock"
# The study of a search that leaves no fold out.
ALL = "all"


@dataclass(frozen=True)
class Results:
    """What a run writes into its folder. Names may be wildcards such as {brain}."""

    folder: str | PathLike[str]

    def __str__(self) -> str:
        return fspath(self.folder)

    def __fspath__(self) -> str:
        return fspath(self.folder)

    @property
    def path(self) -> Path:
        return Path(self.folder)

    def brain(self, name: str) -> "BrainFolder":
        return BrainFolder(self.path / "brains" / name)

    def brain_names(self) -> list[str]:
        """The names of the brains that have a folder, sorted."""
        return sorted(path.name for path in self.path.glob("brains/*") if path.is_dir())

    @property
    def contrast_threshold(self) -> Path:
        return self.path / "detection" / "threshold.json"

    @property
    def detection_summary(self) -> Path:
        """How many annotated cells of the train brains have a candidate, and at what price."""
        return self.path / "detection" / "summary.json"

    @property
    def detection_curves(self) -> Path:
        """The recall that fewer candidates, those of the highest contrast, would have."""
        return self.path / "detection" / "curves.csv"

    @property
    def detection_trials(self) -> Path:
        """All settings that a search for a detector has tried."""
        return self.path / "detection" / "trials.csv"

    @property
    def detection_choice(self) -> Path:
        """What a search for a detector has chosen."""
        return self.path / "detection" / "chosen.json"

    @property
    def detection_outcome(self) -> Path:
        """The same, and what is to be told of it."""
        return self.path / "detection" / "outcome.json"

    @property
    def detection_config(self) -> Path:
        """The same, to be pasted into a config."""
        return self.path / "detection" / "chosen.yaml"

    @property
    def detection_journal(self) -> Path:
        """Where a search that was killed goes on; no output of a rule, which would be removed."""
        return self.path / "detection" / "journal.log"

    @property
    def folds(self) -> Path:
        return self.path / "training" / "folds.csv"

    def training(self, arm: str) -> "TrainingFolder":
        return TrainingFolder(self.path / "training" / arm)

    def model(self, arm: str) -> "ModelFolder":
        return ModelFolder(self.path / "models" / arm)

    def model_names(self) -> list[str]:
        """The names of the arms that have a folder of their model, sorted."""
        return sorted(path.name for path in self.path.glob("models/*") if path.is_dir())

    @property
    def final(self) -> "Results":
        """Where the networks of a release lie, which have learnt from all annotated brains.

        In a folder of their own: those of the comparison stay.
        """
        return Results(self.path / "release")

    @property
    def released(self) -> Path:
        """What was released: name, version and checksum."""
        return self.path / "release" / "released.json"

    @property
    def releases(self) -> Path:
        """The folder of the releases, with their index."""
        return self.path / "releases"

    def pretraining(self, name: str) -> "PretrainingFolder":
        return PretrainingFolder(self.path / "pretraining" / name)

    def training_checkpoint(self, arm: str, fold: int | str) -> Path:
        """Where a training that was killed goes on; no output of a rule, which would be removed."""
        return self.path / "training" / "checkpoints" / arm / f"fold-{fold}.pt"

    def pretraining_checkpoint(self, name: str) -> Path:
        """The same of a pre-training."""
        return self.path / "pretraining" / "checkpoints" / f"{name}.pt"

    def search(self, arm: str, study: str = ALL) -> "SearchFolder":
        """What the study without a fold, "fold-0", or on all folds, "all", has found."""
        return SearchFolder(self.path / "search" / arm / study)

    def studies(self, arm: str) -> list[str]:
        """The studies of an arm that are there: "all", then those without a fold, sorted."""
        return [ALL, *sorted(p.name for p in (self.path / "search" / arm).glob("fold-*"))]

    def searched_arm(self, arm: str) -> Path:
        return self.path / "search" / arm / f"{arm}_searched.yaml"

    def evaluation(self, table: str) -> Path:
        return self.path / "evaluation" / f"{table}.csv"

    def cost(self, arm: str) -> Path:
        return self.path / "evaluation" / "cost" / f"{arm}.json"

    def explanation(self, arm: str) -> "ExplanationFolder":
        return ExplanationFolder(self.path / "explanations" / arm)

    @property
    def index_page(self) -> Path:
        return self.path / "reports" / "index.html"

    @property
    def detection_page(self) -> Path:
        return self.path / "reports" / "detection.html"

    def suggestions(self, brain: str) -> "SuggestionFolder":
        """What people are asked to annotate in a brain."""
        return SuggestionFolder(self.path / "suggestions" / brain)

    @property
    def suggestions_overview(self) -> Path:
        """What is suggested in each brain, and where answers belong."""
        return self.path / "suggestions" / "overview.csv"

    def suggestions_page(self, brain: str) -> Path:
        return self.path / "reports" / "suggestions" / f"{brain}.html"

    def brain_page(self, brain: str) -> Path:
        return self.path / "reports" / "brains" / f"{brain}.html"

    @property
    def mlflow(self) -> Path:
        return self.path / "mlflow"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def log(self, rule: str, name: str = "") -> Path:
        """The log of a rule's job; `name` tells it from the rule's other jobs."""
        return _of_job(self.logs, rule, name, ".log")

    def benchmark(self, rule: str, name: str) -> Path:
        """The time and memory of a rule's job, as Snakemake measures them."""
        return _of_job(self.path / "benchmarks", rule, name, ".tsv")

    @property
    def run(self) -> Path:
        """What the latest run was: config, code and environment."""
        return self.path / "run.json"

    @property
    def lock(self) -> Path:
        return self.path / LOCK


@dataclass(frozen=True)
class BrainFolder:
    """What is known of one brain."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def results(self) -> Results:
        """The folder of results that it lies in."""
        return Results(self.path.parents[1])

    @property
    def checked(self) -> Path:
        """What its volumes are, or why they are refused."""
        return self.path / "checked.json"

    @property
    def volumes(self) -> Path:
        """What its volumes are, once they are accepted."""
        return self.path / "volumes.json"

    @property
    def preflight(self) -> Path:
        """What its volumes and its annotation are."""
        return self.path / "preflight.json"

    @property
    def regions(self) -> Path:
        """What its image of regions is, once it is accepted."""
        return self.path / "regions.json"

    def slab(self, step: str, slab: int | str) -> Path:
        """What a step of detection, "detect" or "contrast", found in a slab."""
        return self.path / "detection" / f"{step}-{slab}.npz"

    @property
    def centres(self) -> Path:
        return self.path / "detection" / "centres.csv"

    @property
    def detection_views(self) -> Path:
        """Where detection finds the annotated cells and where it misses them."""
        return self.path / "detection" / "views.npz"

    @property
    def detected(self) -> Path:
        """All that detection found."""
        return self.path / "detected.csv"

    @property
    def candidates(self) -> Path:
        """What of it is kept."""
        return self.path / "candidates.csv"

    @property
    def labels(self) -> Path:
        return self.path / "labels.csv"

    @property
    def labels_summary(self) -> Path:
        return self.path / "labels.json"

    @property
    def annotation(self) -> Path:
        """What its annotators have marked, merged."""
        return self.path / "annotation.csv"

    @property
    def annotation_quality(self) -> Path:
        """How good the annotation is, image by image, and what it leaves out of training."""
        return self.path / "annotation_quality.csv"

    def cuboids(self, chunk: int | str, chunks: int | str) -> Path:
        return self.path / "cuboids" / f"{chunk}-of-{chunks}.zarr"

    @property
    def projection(self) -> Path:
        return self.path / "projection.npz"

    @property
    def slabs(self) -> Path:
        """Pictures of slabs of its planes, and how good each plane is."""
        return self.path / "slabs.npz"

    @property
    def appearance(self) -> Path:
        """What it looks like, in numbers."""
        return self.path / "appearance.json"

    @property
    def alarm(self) -> Path:
        """Whether it is unlike the train brains, and why."""
        return self.path / "alarm.json"

    @property
    def sample(self) -> Path:
        """The candidates that people have labelled, with the weights of those drawn."""
        return self.path / "sample.csv"

    @property
    def sample_blocks(self) -> Path:
        """The blocks of tissue in which people have marked all cells."""
        return self.path / "sample_blocks.csv"

    @property
    def sample_block_cells(self) -> Path:
        """The cells that they have marked there."""
        return self.path / "sample_block_cells.csv"

    @property
    def sample_summary(self) -> Path:
        """How many labels there are, of which rounds, and which contradict each other."""
        return self.path / "sample.json"

    @property
    def suggested(self) -> Path:
        """How much is suggested, of which round, and where answers belong."""
        return self.path / "suggested.json"

    def chunk_logits(self, arm: str, chunk: int | str, chunks: int | str) -> Path:
        return self.path / arm / "logits" / f"{chunk}-of-{chunks}.npy"

    def logits(self, arm: str) -> Path:
        return self.path / arm / "logits.npy"

    def cells(self, arm: str) -> Path:
        """The classified candidates."""
        return self.path / arm / "cells.csv"

    def cells_xml(self, arm: str) -> Path:
        return self.path / arm / "cells.xml"

    def arms(self) -> list[str]:
        """The names of the arms that have classified it, sorted."""
        return sorted(path.parent.name for path in self.path.glob("*/cells.csv"))

    @property
    def counts(self) -> Path:
        """The number of cells by each arm, with its interval."""
        return self.path / "counts.csv"

    @property
    def count(self) -> Path:
        """What these numbers rest on."""
        return self.path / "count.json"

    def corrected(self, arm: str) -> Path:
        """The classified candidates as a labelled sample of the brain corrects them."""
        return self.path / arm / "corrected.csv"

    def corrected_xml(self, arm: str) -> Path:
        return self.path / arm / "corrected.xml"

    def correction(self, arm: str) -> Path:
        """What the correction is, and what it is to bring."""
        return self.path / arm / "correction.json"


@dataclass(frozen=True)
class TrainingFolder:
    """How an arm was trained."""

    path: Path

    @property
    def scores(self) -> Path:
        """Out-of-fold scores of an ensemble, all folds in one table."""
        return self.path / "scores.csv"

    def fold(self, fold: int | str) -> "FoldFolder":
        return FoldFolder(self.path / f"fold-{fold}")

    def all_scores(self) -> list[Path]:
        """The tables of out-of-fold scores that are there, of folds or of an ensemble, sorted."""
        return sorted(self.path.glob("**/scores.csv"))

    def folds(self) -> list[int]:
        """The folds of which there is a history, ascending."""
        found = self.path.glob("fold-*/history.csv")
        return sorted(int(path.parent.name.removeprefix("fold-")) for path in found)


@dataclass(frozen=True)
class FoldFolder:
    """How an arm was trained with one fold held out."""

    path: Path

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def scores(self) -> Path:
        """Out-of-fold scores of the candidates of this fold."""
        return self.path / "scores.csv"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"


@dataclass(frozen=True)
class ModelFolder:
    """An arm's trained model: the networks of its folds, or the weights of its members."""

    path: Path

    @property
    def description(self) -> Path:
        """By what it is used, temperature and threshold included."""
        return self.path / "model.json"

    def weights(self, fold: int | str) -> Path:
        return self.path / f"fold-{fold}.safetensors"

    def sidecar(self, fold: int | str) -> Path:
        """How the network of a fold is built and was trained."""
        return self.path / f"fold-{fold}.json"


@dataclass(frozen=True)
class ArmFolder(ModelFolder):
    """An arm that was trained outside of a run: its model, and beside it how it was trained."""

    @property
    def training(self) -> TrainingFolder:
        return TrainingFolder(self.path / "training")

    def checkpoint(self, fold: int | str) -> Path:
        """Where a training that was killed goes on."""
        return self.path / "checkpoints" / f"fold-{fold}.pt"

    def search(self, fold: int | str) -> "SearchFolder":
        """What the search without this fold has found."""
        return SearchFolder(self.path / "search" / f"fold-{fold}")


@dataclass(frozen=True)
class PretrainingFolder:
    """A backbone that was trained without labels."""

    path: Path

    @property
    def weights(self) -> Path:
        return self.path / "backbone.safetensors"

    @property
    def sidecar(self) -> Path:
        return self.path / "backbone.json"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"


@dataclass(frozen=True)
class SearchFolder:
    """What one study of a search for a recipe tried and chose."""

    path: Path

    def job(self, number: int | str) -> Path:
        """The trials of one job."""
        return self.path / f"job-{number}.csv"

    @property
    def trials(self) -> Path:
        return self.path / "trials.csv"

    @property
    def importance(self) -> Path:
        return self.path / "importance.csv"

    @property
    def chosen(self) -> Path:
        return self.path / "chosen.json"


@dataclass(frozen=True)
class ExplanationFolder:
    """Where an arm looked."""

    path: Path

    @property
    def chosen(self) -> Path:
        return self.path / "chosen.csv"

    @property
    def montage(self) -> Path:
        return self.path / "montage.png"

    @property
    def saliency(self) -> Path:
        return self.path / "saliency.tif"


@dataclass(frozen=True)
class SuggestionFolder:
    """What people are asked to annotate in a brain, in files for several programs."""

    path: Path

    @property
    def candidates(self) -> Path:
        return self.path / "candidates.csv"

    @property
    def candidates_xml(self) -> Path:
        return self.path / "candidates.xml"

    @property
    def label_studio(self) -> Path:
        """The tasks for Label Studio, with their pictures."""
        return self.path / "label_studio.json"

    @property
    def label_studio_config(self) -> Path:
        """What a labelling project in Label Studio looks like."""
        return self.path / "label_studio_config.xml"

    @property
    def blocks(self) -> Path:
        return self.path / "blocks.csv"

    @property
    def block_images(self) -> Path:
        return self.path / "blocks"


@dataclass(frozen=True)
class BlockFolder:
    """Images of blocks of tissue, and a table for the cells in each."""

    path: Path

    def image(self, block: int | str) -> Path:
        return self.path / f"block-{block}.tif"

    def cells(self, block: int | str) -> Path:
        return self.path / f"block-{block}_cells.csv"


@dataclass(frozen=True)
class AnnotationFolder:
    """What people gave back on a brain, and what was drawn for them; no part of the results.

    What was drawn stays here, as a folder of results may be removed: without their probabilities
    labels are of no use for counts.
    """

    path: Path

    def drawn(self, number: int | str) -> Path:
        """The candidates of a round."""
        return self.path / f"drawn-{number}.csv"

    def drawn_blocks(self, number: int | str) -> Path:
        """The blocks of a round."""
        return self.path / f"drawn-{number}_blocks.csv"

    def rounds(self) -> list[int]:
        """The rounds that there are, ascending."""
        names = (path.stem.removeprefix("drawn-") for path in self.path.glob("drawn-*.csv"))
        return sorted(int(name) for name in names if name.isdecimal())

    def answers(self) -> list[Path]:
        """The files that people have put here or in folders below, sorted; hidden ones are not."""
        drawn = set(self.path.glob("drawn-*.csv"))
        return sorted(
            path
            for path in self.path.rglob("*")
            if path.is_file()
            and path not in drawn
            and not any(part.startswith(".") for part in path.relative_to(self.path).parts)
        )


def _of_job(folder: Path, rule: str, name: str, ending: str) -> Path:
    # A name may have dots and wildcards: no suffix is cut off.
    path = folder / rule / name if name else folder / rule
    return path.with_name(path.name + ending)


@dataclass(frozen=True)
class VolumeFolder:
    """What the command line writes of volumes without a run: cells of one, or counts of several."""

    path: Path

    @property
    def candidates(self) -> Path:
        return self.path / "candidates.csv"

    @property
    def labels(self) -> Path:
        return self.path / "labels.csv"

    @property
    def cuboids(self) -> Path:
        return self.path / "cuboids.zarr"

    @property
    def cells(self) -> Path:
        return self.path / "cells.csv"

    @property
    def cells_xml(self) -> Path:
        return self.path / "cells.xml"

    @property
    def counts(self) -> Path:
        return self.path / "counts.json"

    def plot(self, volume: str) -> Path:
        return self.path / "plots" / f"{volume}.png"
