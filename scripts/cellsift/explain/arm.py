"""The explanations of one arm: examples from all brains, their saliency, and the pictures."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import torch

from cellsift.calibration.members import Combination, member_folder
from cellsift.cuboids.normalisation import Normalisation
from cellsift.cuboids.store import CuboidStore
from cellsift.errors import InputError
from cellsift.explain.gradcam import scale
from cellsift.explain.montage import draw_montage
from cellsift.explain.own_maps import own_maps, remove_own_maps, write_own_maps
from cellsift.explain.prototypes import FILES as OF_PROTOTYPES
from cellsift.explain.prototypes import export_prototypes
from cellsift.explain.saliency import saliency, saliency_method
from cellsift.explain.selection import choose_examples
from cellsift.explain.volume import write_saliency
from cellsift.io.atomic import atomic_file
from cellsift.io.axes import AXES
from cellsift.io.json_files import read_json
from cellsift.io.names import MODEL_FILE, check_file_names
from cellsift.io.tables import write_table
from cellsift.models.contract import Network
from cellsift.models.storage import load_model

COLUMNS = [
    "kind",
    "brain",
    "candidate",
    *AXES,
    "p_cell",
    "is_cell",
    "label",
    "fold",
    "padded",
]
DOTS_PER_INCH = 110
# What the pictures of an ensemble are called if its members were explained by different methods.
SEVERAL_METHODS = "Saliency"


class ExplanationFiles(Protocol):
    """Where explanations go: `results.ExplanationFolder`, or a rule's outputs, in one folder."""

    @property
    def chosen(self) -> str | Path:
        """CSV of the examples."""

    @property
    def montage(self) -> str | Path:
        """PNG of the examples and where the arm looked."""

    @property
    def saliency(self) -> str | Path:
        """TIFF of the same as volumes."""


def explain_arm(
    model_folder: str | Path,
    stores: Mapping[str, CuboidStore],
    cells: Mapping[str, pd.DataFrame],
    files: ExplanationFiles,
    count: int = 3,
    device: str | torch.device = "cpu",
    title: str = "",
) -> pd.DataFrame:
    """Write examples, a montage and saliency; return the chosen examples.

    In the same folder, of a network with prototypes also prototypes.csv and prototypes.tif
    (`export_prototypes`), of one with maps of its own those of the examples, in the file that it
    names (`own_maps`). Such files of an earlier architecture are removed.

    Saliency is the mean over the arm's fold models; of a candidate that has a fold, it is that
    fold's model alone, the one that was not trained on it. That of an ensemble is the mean of its
    members', each scaled to a largest value of 1, by the members' weights; where a weight is
    negative, the member's evidence against the verdict counts.

    Args:
        model_folder: holds model.json, whose key `folds` lists the fold models' JSON files, or
            whose key `members` gives the weights of the arms in the folders beside it.
        stores: cuboids by brain.
        cells: by brain, row i for candidate i: z, y, x, p_cell, is_cell, and where there are:
            label (cell, no_cell, ambiguous or empty), fold (empty where in none).
        files: where to write.
        count: examples of each kind (`choose_examples`).
        device: where to compute.
        title: of the montage; default: the arm's folder name.

    Raises:
        InputError: models, cuboids and tables do not fit together.
    """
    model_folder, folder = Path(model_folder), Path(files.chosen).parent
    members = explained_models(model_folder)
    chosen = choose_examples(_pooled(cells, stores), count).reindex(columns=COLUMNS)
    models = [load_model(files[0]) for _, files in members]
    sidecar = models[0][1]
    cuboids = _read(chosen, stores, sidecar)
    maps = _saliency(chosen, cuboids, stores, members, torch.device(device))
    voxel_size = tuple(sidecar["cuboid"]["voxel_size"])

    for name in OF_PROTOTYPES:
        (folder / name).unlink(missing_ok=True)
    remove_own_maps(folder)
    write_saliency(files.saliency, cuboids, maps, voxel_size, _names(chosen))
    methods = {saliency_method(model) for model, _ in models}
    method = methods.pop() if len(methods) == 1 else SEVERAL_METHODS
    title = title or model_folder.name
    figure = draw_montage(chosen, cuboids, maps, voxel_size, title, method)
    with atomic_file(files.montage) as beside:
        figure.savefig(beside, dpi=DOTS_PER_INCH, metadata={"Software": None})
    alone, of_folds = models[0][0], members[0][1]
    if len(members) == 1 and alone.has_prototypes:
        export_prototypes(_by_fold(of_folds), stores, cells, folder)
    if len(members) == 1 and alone.own_map_names:
        of_arm = _mean_over_models(
            chosen,
            cuboids,
            stores,
            of_folds,
            device,
            lambda model, inputs, _: own_maps(model, inputs),
            each=(len(alone.own_map_names), *cuboids.shape[2:]),
        )
        write_own_maps(alone, of_arm, folder, voxel_size, _names(chosen))
    write_table(chosen, files.chosen)
    return chosen


def explained_models(model_folder: Path) -> list[tuple[float, list[Path]]]:
    """Return the weight and the fold models' JSON files of each member, or of an arm that has none.

    An arm by itself has the weight 1.
    """
    content = _described(model_folder)
    if "members" not in content:
        return [(1.0, fold_model_files(model_folder))]
    weights = Combination.from_dict(content, model_folder / MODEL_FILE).weights
    return [
        (weight, fold_model_files(member_folder(model_folder, name)))
        for name, weight in weights.items()
    ]


def fold_model_files(model_folder: Path) -> list[Path]:
    """Return the JSON files of an arm's fold models, in the order model.json lists them."""
    names = check_file_names(_described(model_folder).get("folds"), model_folder / MODEL_FILE)
    return [model_folder / name for name in names]


def _described(model_folder: Path) -> dict:
    path = model_folder / MODEL_FILE
    try:
        return dict(read_json(path))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is no description of a trained arm: {error!r}") from error


def _pooled(cells: Mapping[str, pd.DataFrame], stores: Mapping[str, CuboidStore]) -> pd.DataFrame:
    tables = [pd.DataFrame(columns=["brain", "candidate", "p_cell"])] if not cells else []
    for brain, table in cells.items():
        missing = {*AXES, "p_cell", "is_cell"} - set(table)
        if missing:
            raise InputError(
                f"cells of brain {brain} lack the columns {', '.join(sorted(missing))}"
            )
        if brain not in stores or len(stores[brain]) != len(table):
            found = len(stores[brain]) if brain in stores else "no"
            raise InputError(f"brain {brain} has {len(table)} scored cells and {found} cuboids")
        more = {"brain": brain, "candidate": np.arange(len(table)), "padded": stores[brain].padded}
        tables.append(table.assign(**more))
    return pd.concat(tables, ignore_index=True)


def _read(chosen: pd.DataFrame, stores: Mapping[str, CuboidStore], sidecar: dict) -> np.ndarray:
    """Read the chosen cuboids (n, channel, z, y, x), refusing what the model was not made for."""
    wanted = (sidecar["in_channels"], *sidecar["cuboid"]["shape"])
    voxel_size = sidecar["cuboid"]["voxel_size"]
    cuboids = np.zeros((len(chosen), *wanted), np.uint16)
    for brain, rows in chosen.groupby("brain").indices.items():
        store = stores[brain]
        found = (store.channels, *store.shape)
        if found != wanted or not np.allclose(store.voxel_size, voxel_size):
            raise InputError(
                f"brain {brain} has cuboids of channels, z, y, x {found} at "
                f"{tuple(store.voxel_size)} µm; the model needs {wanted} at {tuple(voxel_size)} µm"
            )
        cuboids[rows] = store.read(chosen["candidate"].to_numpy(int)[rows])
    return cuboids


def _saliency(
    chosen: pd.DataFrame,
    cuboids: np.ndarray,
    stores: Mapping[str, CuboidStore],
    members: list[tuple[float, list[Path]]],
    device: torch.device,
) -> np.ndarray:
    """Return saliency (n, z, y, x), the weighted mean over the members."""
    total = np.zeros((len(cuboids), *cuboids.shape[2:]), np.float32)
    for weight, models in members:
        if weight:
            towards_cell = chosen["is_cell"].to_numpy(bool) == (weight > 0)
            explain = partial(_saliency_of_rows, towards_cell)
            maps = _mean_over_models(
                chosen, cuboids, stores, models, device, explain, each=cuboids.shape[2:]
            )
            total += abs(weight) * scale(maps)
    return scale(total)


def _saliency_of_rows(
    towards_cell: np.ndarray, model: Network, inputs: torch.Tensor, rows: np.ndarray
) -> np.ndarray:
    return saliency(model, inputs, towards_cell[rows])


def _mean_over_models(
    chosen: pd.DataFrame,
    cuboids: np.ndarray,
    stores: Mapping[str, CuboidStore],
    models: list[Path],
    device: str | torch.device,
    explain: Callable[[Network, torch.Tensor, np.ndarray], np.ndarray],
    each: tuple[int, ...],
) -> np.ndarray:
    """Return what `explain` gives, the mean over the models that may speak about each example.

    Args:
        explain: gives float32 (k, *each) for a model, the inputs of k examples and their rows.
        each: shape of what there is for each example.
    """
    uses = _models_to_use(chosen, models)
    total = np.zeros((len(cuboids), *each), np.float32)
    for path, used in zip(models, uses.T, strict=True):
        rows = np.flatnonzero(used)
        if not len(rows):
            continue
        model, sidecar = load_model(path)
        normalisation = Normalisation.from_dict(sidecar["normalisation"])
        inputs = torch.cat(
            [
                normalisation.apply(
                    cuboids[[row]], stores[brain].log_median, stores[brain].log_spread
                )
                for row, brain in zip(rows, chosen["brain"].iloc[rows], strict=True)
            ]
        )
        share = 1 / uses[rows].sum(axis=1).reshape(-1, *[1] * len(each))
        total[rows] += explain(model.to(device), inputs.to(device), rows) * share
    return total


def _by_fold(models: list[Path]) -> dict[int, Path]:
    """The models by their folds; one that has learnt from all folds by its place among them."""
    folds = [read_json(path)["provenance"]["fold"] for path in models]
    return {
        fold if isinstance(fold, int) else place: path
        for place, (fold, path) in enumerate(zip(folds, models, strict=True))
    }


def _models_to_use(chosen: pd.DataFrame, models: list[Path]) -> np.ndarray:
    """Return bool (example, model): the model of the example's own fold, or all without a fold."""
    names = [path.stem for path in models]
    uses = np.ones((len(chosen), len(models)), bool)
    for row, fold in enumerate(chosen["fold"]):
        if pd.notna(fold):
            name = f"fold-{int(fold)}"
            if name not in names:
                raise InputError(f"a candidate is in {name}, but the arm has no {name}.json")
            uses[row] = [name == other for other in names]
    return uses


def _names(chosen: pd.DataFrame) -> list[str]:
    return [
        f"{row.kind}, brain {row.brain}, candidate {row.candidate}, p(cell) {row.p_cell:.3f}"
        for row in chosen.itertuples()
    ]
