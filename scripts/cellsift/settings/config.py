"""The config of a run: what should be done, in terms of the science."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from cellsift.errors import InputError
from cellsift.settings.brains import ANNOTATORS
from cellsift.settings.choice import AUTO
from cellsift.settings.draft import networks_of
from cellsift.settings.nearest import refuse_misspelt
from cellsift.settings.recipe import Recipe
from cellsift.settings.values import (
    AS_WRITTEN,
    BESIDE,
    UNIQUE,
    WHOLE,
    Absent,
    Name,
    Number,
    Settings,
    plain,
)

Jobs = Annotated[int, Field(ge=1, le=1000), WHOLE]
Voxels = Annotated[int, Field(ge=4, le=512), WHOLE]
Size = Annotated[float, Field(gt=0, le=200), AS_WRITTEN]
IntensityRange = Annotated[tuple[Number, Number], Field(strict=False)] | None
INTENSITY_RANGE = (
    "Lowest and highest intensity of the volumes, mapped to 0..65535. Needed only for volumes that "
    "are not unsigned integers of 8 or 16 bits (float data, for example)."
)
VOXEL_SIZE_IN_FILES = (
    "Whether the size of voxels that a volume's file states (OME-TIFF, ImageJ, OME-Zarr) has to be "
    "the brains table's (check), or does not count (ignore)."
)
JOBS_PER_BRAIN = "Into how many jobs the work on one brain is divided; no result depends on it."
# The mode in which an arm is trained for others, and keys on where models are from and go to.
RELEASE = "release"
OF_MODELS = ("models", "release")
KEYS_OF_FOLDS = ("folds", "group_by")
CONTRAST_ALONE = "A contrast stands alone, in the place of wishes."
KEYS_OF_WISHES = ("recall", "candidates_per_cell", "carry")
ANNOTATORS_MARKS = "What annotators' marks mean, and how those of several are merged."
MATCHING = "When a candidate counts as an annotated cell."


class Cuboid(Settings):
    """The piece of volume around a candidate that a classifier sees; axes z, y, x."""

    shape: Annotated[
        tuple[
            Annotated[int, Field(ge=1, le=512, description="Voxels along z."), WHOLE],
            Annotated[Voxels, Field(description="Voxels along y.")],
            Annotated[Voxels, Field(description="Voxels along x.")],
        ],
        Field(strict=False),
    ] = Field(
        (20, 50, 50),
        description="Voxels along z, y, x after resampling; along z, 1 is a single plane.",
    )
    voxel_size: Annotated[tuple[Size, Size, Size], Field(strict=False)] | Absent = Field(
        (5, 1, 1), description="Size of these voxels in µm along z, y, x."
    )


class Keep(Settings):
    """Which candidates are kept by their contrast: by what is wished for, or by a threshold."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["contrast"]},
            # With their type they are known to be meant, beside null.
            "then": {"type": "object", "maxProperties": 1, "description": CONTRAST_ALONE},
            "else": {"type": "object", "required": ["recall"]},
        }
    )

    recall: Annotated[float, Field(gt=0, le=1), AS_WRITTEN] | Absent = Field(
        None,
        description="Share of the annotated cells that must have a candidate, in every train "
        "brain.",
    )
    candidates_per_cell: Annotated[float, Field(ge=1), AS_WRITTEN] | Absent = Field(
        None,
        description="Candidates that may be kept for each annotated cell, in every train brain.",
    )
    carry: Literal[True] | Absent = Field(
        None,
        description="true: a threshold for brains to come, well within what all train brains have "
        "in common; a wish that cannot be reached is told, not refused. So it is with method auto.",
    )
    contrast: Annotated[float, Field(ge=-100, le=100), AS_WRITTEN] | Absent = Field(
        None,
        description="The threshold itself, in the place of wishes: fainter candidates are dropped.",
    )

    @model_validator(mode="after")
    def _either(self) -> "Keep":
        wishes = [key for key in KEYS_OF_WISHES if getattr(self, key) is not None]
        if (self.contrast is None) != ("recall" in wishes) or (
            wishes and self.contrast is not None
        ):
            raise ValueError("give either recall or contrast")
        return self

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without what was left out."""
        return {key: value for key, value in super().to_dict().items() if value is not None}


class Detection(Settings):
    """The detector, its parameters as further keys, and what happens to its candidates."""

    model_config = ConfigDict(extra="allow")

    method: str = Field(
        "cellfinder",
        description="The detector; auto searches for it on the annotated train brains.",
    )
    keep: Keep | None = Field(
        None,
        description="Keep only candidates above a contrast threshold, chosen on the annotated "
        "train brains: the highest that reaches the wished recall in each, or, with "
        "candidates_per_cell, the lowest that keeps no more than that in any; contrast names the "
        "threshold. null keeps all.",
    )

    @property
    def parameters(self) -> dict[str, Any]:
        """The detector's own parameters, by name."""
        return dict(self.model_extra or {})

    def with_parameters(self, parameters: dict[str, Any]) -> "Detection":
        """The same with these parameters of the detector in place of its own."""
        return Detection.model_construct(method=self.method, keep=self.keep, **parameters)


class JobsPerBrain(Settings):
    """Into how many jobs the work on a brain is divided."""

    detection: Jobs = Field(1, description="Slabs of planes that candidates are looked for in.")
    cuboids: Jobs = Field(1, description="Parts that the cuboids are cut out in.")


class Matching(Settings):
    """When a candidate counts as an annotated cell."""

    distance_um: Annotated[float, Field(gt=0, le=1000), AS_WRITTEN] | Absent = Field(
        10, description="Largest distance between a candidate and its annotated cell, in µm."
    )


class Annotators(Settings):
    """What annotators' marks mean, and how those of several are merged."""

    labels: dict[str, Literal["cell", "no_cell", "unsure"]] = Field(
        {},
        description="What the labels of Label Studio mean; empty: told by their names, and a "
        "single label is the cell.",
    )
    distance_um: Annotated[float, Field(gt=0, le=1000), AS_WRITTEN] | None = Field(
        None,
        description="Marks of several annotators within this distance can be one cell, in µm; "
        "null: the matching distance, or 10 where that is searched for.",
    )
    agreed_by: Literal["all", "majority"] = Field(
        ANNOTATORS["agreed_by"],
        description="Who must have marked a cell: all who have looked there, or more than half of "
        "them.",
    )
    images: Literal["complete", "sparse"] = Field(
        ANNOTATORS["images"],
        description="Whether all cells of an image of Label Studio are annotated, or some, where "
        "neither its task nor its annotator says so.",
    )
    empty_images: Literal["empty", "missing"] = Field(
        ANNOTATORS["empty_images"],
        description="What an image that was submitted without a mark is: one without cells, or one "
        "that was not annotated.",
    )
    least_agreement: Annotated[float, Field(ge=0, le=1), AS_WRITTEN] = Field(
        ANNOTATORS["least_agreement"],
        description="Where the F1 of annotators beside each other is below this, only what they "
        "agree on is used, and nothing is learnt as no cell.",
    )


class Training(Settings):
    """Folds, and the recipe that all arms share, whose keys stand beside theirs in a file."""

    folds: Annotated[int, Field(ge=2, le=20), WHOLE] = Field(
        3, description="Number of parts that take turns at being left out of training."
    )
    group_by: Literal["auto", "brain", "block"] = Field(
        "auto",
        description="What a fold is made of; auto takes brains if there are enough, else spatial "
        "blocks.",
    )
    recipe: Recipe = Field(Recipe(), json_schema_extra={BESIDE: True})

    @model_validator(mode="before")
    @classmethod
    def _recipe_apart(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        of_folds = {key: value for key, value in given.items() if key in KEYS_OF_FOLDS}
        known = {*Recipe.model_fields, *KEYS_OF_FOLDS}
        refuse_misspelt(given, known, "config: training has no key")
        # In the words that arms are refused with.
        try:
            recipe = Recipe.from_dict({k: v for k, v in given.items() if k not in of_folds})
        except InputError as error:
            raise InputError(f"config: training: {error}") from None
        return of_folds | {"recipe": recipe}

    def to_dict(self) -> dict[str, Any]:
        """Plain data: the keys of the folds and of the recipe side by side."""
        return {"folds": self.folds, "group_by": self.group_by} | self.recipe.to_dict()


class Recall(Settings):
    """A threshold on p_cell with as few false positives as possible at a recall."""

    recall: Annotated[float, Field(gt=0, lt=1), AS_WRITTEN]


class Explain(Settings):
    """Pictures of why an arm decided as it did."""

    examples: Annotated[int, Field(ge=1, le=20), WHOLE] = Field(
        3,
        description="Examples of each kind (cells, artefacts, false positives, false negatives).",
    )


class Annotation(Settings):
    """What people are asked to annotate next, and where their answers are."""

    candidates: Annotated[int, Field(ge=1, le=100_000), WHOLE] = Field(
        100, description="Candidates that are suggested in each brain and round."
    )
    random: Annotated[float, Field(ge=0.2, le=1), AS_WRITTEN] = Field(
        0.5,
        description="Share of them that is drawn at random, so that what is counted with their "
        "help is not biased.",
    )
    blocks: Annotated[int, Field(ge=0, le=1000), WHOLE] = Field(
        3,
        description="Blocks of tissue in each brain and round in which all cells are to be marked.",
    )
    block_um: Annotated[float, Field(gt=0, le=5000), AS_WRITTEN] = Field(
        150, description="About how long the sides of a block are, in µm."
    )
    folder: str = Field(
        "annotations",
        min_length=1,
        description="Folder, relative to the working directory, with a folder for each brain in "
        "which people put what they have labelled.",
    )


class Counts(Settings):
    """How the cells of a brain are counted."""

    corrected: Annotated[list[Name], *UNIQUE] = Field(
        ["predict"],
        description="Which brains are corrected by what people labelled in them: their counts, "
        "p_cell and threshold. Names of brains, or roles. A test brain that is corrected is no "
        "longer one that nothing was fitted on.",
    )


class DetectionOfBrain(Settings):
    """Parameters of the detector for one brain; method and keep are those of all brains."""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"properties": {"method": False, "keep": False}}
    )

    @model_validator(mode="before")
    @classmethod
    def _parameters_alone(cls, given: Any) -> Any:
        if isinstance(given, dict) and {"method", "keep"} & set(given):
            raise ValueError("method and keep are those of all brains")
        return given


class SettingsOfBrain(Settings):
    """What differs for one brain; other keys, and keys within keys, are those of all brains."""

    detection: DetectionOfBrain | Absent = Field(
        None, description="Parameters of the detector for this brain."
    )
    matching: Matching | Absent = Field(None, description=MATCHING)
    annotators: Annotators | Absent = Field(None, description=ANNOTATORS_MARKS)
    intensity_range: IntensityRange = Field(None, description=INTENSITY_RANGE)
    voxel_size_in_files: Literal["check", "ignore"] | Absent = Field(
        None, description=VOXEL_SIZE_IN_FILES
    )
    jobs_per_brain: JobsPerBrain | Absent = Field(None, description=JOBS_PER_BRAIN)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without what was left out."""
        return plain(self.model_dump(exclude_unset=True))


class WantedRelease(Settings):
    """Which arm is trained on all annotated brains, and what the release of it is called."""

    arm: Name = Field(description="The arm, or an ensemble of arms, that the comparison spoke for.")
    name: str = Field(min_length=1, description="What others call it, such as cfos-2026.")
    version: str = Field("1.0.0", description="Three numbers; one that others have is not changed.")
    card: str = Field("", description="YAML with tissue, limits, licence, citation, authors.")
    learn_from: Literal["all", "train"] = Field(
        "all",
        description="all: train and test brains; train: train brains alone, so that the test "
        "brains stay ones that nothing has learnt from.",
    )


class Config(Settings):
    """What a run should do, in terms of the science. Every key left out has its default."""

    model_config = ConfigDict(
        json_schema_extra={
            "description": "What a run should do, in terms of the science. Every key left out "
            "takes the default given here."
        }
    )

    mode: Literal["draft", "crossval", "release"] = Field(
        "crossval",
        description="draft: a quick look with few epochs, told as such; crossval: the comparison; "
        "release: the comparison, and then one arm trained on all annotated brains, packed.",
    )
    brains_table: str = Field(
        "config/brains.tsv",
        description="Path of the table of brains, relative to the working directory.",
    )
    arms: Annotated[list[Name], Field(min_length=1), *UNIQUE] = Field(
        description="Names of files in config/arms, one for each arm of the comparison."
    )
    results: str = Field(
        "results", min_length=1, description="Folder that everything is written to."
    )
    note: str = Field(
        "",
        description="What readers of the report should know of this run; it stands below the "
        "verdict.",
    )
    seed: Annotated[int, Field(ge=0), WHOLE] = Field(
        1,
        description="Seed of everything random; the same seed on the same machine gives the same "
        "tables.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="Where networks run; auto takes a GPU where there is one, cuda fails where "
        "there is none.",
    )
    keep_cuboids: bool = Field(
        True,
        description="Whether cuboids of brains of role predict stay after the run; false saves "
        "disk.",
    )
    mlflow: bool = Field(
        False, description="Whether the comparison is also written as an MLflow file store."
    )
    intensity_range: IntensityRange = Field(None, description=INTENSITY_RANGE)
    voxel_size_in_files: Literal["check", "ignore"] = Field(
        "check", description=VOXEL_SIZE_IN_FILES
    )
    cuboid: Cuboid = Field(
        Cuboid(), description="The piece of volume around a candidate that a classifier sees."
    )
    detection: Detection = Field(
        Detection(),
        description="The detector and its own parameters (schemas/detection), and how many "
        "candidates to keep.",
    )
    jobs_per_brain: JobsPerBrain = Field(JobsPerBrain(), description=JOBS_PER_BRAIN)
    matching: Matching = Field(Matching(), description=MATCHING)
    annotators: Annotators = Field(Annotators(), description=ANNOTATORS_MARKS)
    training: Training = Field(
        Training(),
        description="Folds, and the recipe that all arms share unless their own file says "
        "otherwise.",
    )
    threshold: Literal["f1"] | Recall = Field(
        "f1",
        description="How the threshold on p_cell is chosen on out-of-fold scores of the train "
        "brains: f1 (highest F1), or {recall: 0.99} (as few false positives as possible at that "
        "recall).",
    )
    explain: Explain = Field(Explain(), description="Pictures of why an arm decided as it did.")
    annotation: Annotation = Field(
        Annotation(),
        description="What people are asked to annotate next (`snakemake suggest`), and where their "
        "answers are.",
    )
    counts: Counts = Field(
        Counts(), description="Numbers of cells with their intervals, for every brain and arm."
    )
    brains: dict[str, SettingsOfBrain] = Field(
        {}, description="Settings that differ for single brains, by the brain's name."
    )
    release: WantedRelease | None = Field(
        None, description="With mode: release, which arm is released and as what."
    )
    models: str = Field(
        "",
        description="Folder or address of the index of releases that arms with a finished model "
        "are looked up in by name; empty: the one that CELLSIFT_MODELS names.",
    )

    @property
    def searches_detection(self) -> bool:
        """Whether the detector is not named, but searched for on the train brains."""
        return self.detection.method == AUTO

    def shown(self) -> dict[str, Any]:
        """Plain data without what changes nothing of the comparison, as its pages show it."""
        content = self.to_dict()
        mode = "crossval" if self.mode == RELEASE else self.mode
        return {k: v for k, v in content.items() if k not in OF_MODELS} | {"mode": mode}

    @property
    def networks(self) -> int:
        """How many networks a trained arm has, each with one of the folds left out."""
        return networks_of(self.to_dict(), self.training.folds)
