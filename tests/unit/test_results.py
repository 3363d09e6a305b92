"""Paths under the folder of results: where the design says that they lie, and spelled once."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cellsift.io.names import MODEL_FILE
from cellsift.preflight.annotation import OWN_FILES
from cellsift.results import Results

RESULTS = Results("results")
BRAIN = RESULTS.brain("{brain}")
# What other programs and people's scripts may rely on.
KNOWN = {
    BRAIN.candidates: "results/brains/{brain}/candidates.csv",
    BRAIN.cells("{arm}"): "results/brains/{brain}/{arm}/cells.csv",
    BRAIN.cells_xml("{arm}"): "results/brains/{brain}/{arm}/cells.xml",
    RESULTS.model("{arm}").description: "results/models/{arm}/model.json",
    RESULTS.model("{arm}").weights(0): "results/models/{arm}/fold-0.safetensors",
    RESULTS.model("{arm}").sidecar(0): "results/models/{arm}/fold-0.json",
    RESULTS.evaluation("end_to_end"): "results/evaluation/end_to_end.csv",
    RESULTS.index_page: "results/reports/index.html",
    RESULTS.brain_page("{brain}"): "results/reports/brains/{brain}.html",
    RESULTS.detection_page: "results/reports/detection.html",
    RESULTS.detection_trials: "results/detection/trials.csv",
    RESULTS.detection_choice: "results/detection/chosen.json",
    RESULTS.detection_config: "results/detection/chosen.yaml",
    RESULTS.log("train", "{arm}/fold-{fold}"): "results/logs/train/{arm}/fold-{fold}.log",
    RESULTS.log("evaluate"): "results/logs/evaluate.log",
    RESULTS.benchmark("detect", "a.b"): "results/benchmarks/detect/a.b.tsv",
}
# What a file may end in; a text with such an end and without a space names a file, or files.
NAME = re.compile(
    r"\S*\w\.(csv|html|json|log|npy|npz|png|pt|safetensors|tiff?|tsv|txt|xml|yaml|zarr)"
)
# Rooms that do not know where results lie: what they read and write are files of other kinds.
OTHER_FILES = {
    "benchmarks": "reports of their own",
    "io": "parts of other tools' files",
    "releases": "what is in a file that travels",
    "phantom": "brains, as a lab would have them",
    "settings": "what users write",
}
# Names that modules of the other rooms spell, and why.
SPELLED_ELSEWHERE = {
    "cli/app.py": {"mine.yaml"},  # examples of what users write
    "steps/starting_files.py": {"start.tsv", "start.yaml", "mine.tsv", "cells.xml", "cells.csv"},
    "steps/one_volume.py": {"cuboids.zarr"},  # in a folder that goes with the process
    "explain/prototypes.py": {"prototypes.csv", "prototypes.tif"},  # of some networks alone
    "interop/keras_files.py": {"config.json"},  # Keras'
    "models/classifiers/efficientnet.py": {"gates.tif"},  # as the contract of networks has it
    "models/classifiers/slice_mil.py": {"plane_attention.tif"},
    "models/classifiers/vit.py": {"rollout.tif"},
    "preflight/annotation.py": set(OWN_FILES),  # of any run, by which a brain's folder is known
    "project/demo_note.py": {"brain.json"},  # of made-up brains, by which they are known
    "training/search/files.py": {"journal.log", "-history.csv", "-scores.csv"},  # of its jobs alone
    "workflow/command_line.py": {"config.yaml"},  # what users write
    "workflow/pins.py": {"constraints.txt"},
    "workflow/progress_file.py": {".progress.json"},  # beside a log, while a job runs
}
# Names that only paths under results/ have.
SPELLED = re.compile(
    r"(checked|volumes|preflight|detected|candidates|history|cells|chosen|trials)\.(json|csv)\b"
)
FOLDERS = "brains|models|training|evaluation|explanations|search|detection"


@pytest.mark.parametrize("path", KNOWN, ids=str)
def test_files_lie_where_people_look_for_them(path):
    assert path.as_posix() == KNOWN[path]


def test_what_is_there_is_listed(tmp_path):
    results = Results(tmp_path)
    assert (results.model_names(), results.brain_names()) == ([], [])
    for path in (
        results.model("b").description,
        results.model("a").description,
        results.brain("two").checked,
        results.brain("one").checked,
        results.search("a", "fold-1").trials,
        *(results.training("a").fold(fold).history for fold in (10, 2)),
    ):
        path.parent.mkdir(parents=True)
        path.touch()
    assert results.model_names() == ["a", "b"]
    assert results.brain_names() == ["one", "two"]
    assert results.studies("a") == ["all", "fold-1"]
    assert results.training("a").folds() == [2, 10]


def test_no_rule_spells_a_path_of_its_own(repository):
    rules = {path: path.read_text() for path in (repository / "workflow").rglob("*.smk")}
    assert len(rules) > 8
    for path, text in rules.items():
        assert not SPELLED.findall(text), path
        assert not re.search(
            r'\{(?:RESULTS|BRAIN)\b|\.safetensors"|\.html"', _without_logs(text)
        ), path


def _without_logs(text: str) -> str:
    return re.sub(r"RESULTS\.(log|benchmark)\(.*?\)", "", text, flags=re.DOTALL)


def test_pages_and_exports_do_not_speak_of_files_by_name(repository):
    package = repository / "scripts" / "cellsift"
    for path in [*(package / "reporting").glob("*.py"), package / "interop" / "mlflow_store.py"]:
        code = re.sub(r'""".*?"""', "", path.read_text(), flags=re.DOTALL)
        assert not SPELLED.findall(code), path


def test_no_other_module_spells_the_name_of_a_folder(repository):
    package = repository / "scripts" / "cellsift"
    spelling = set()
    for path in package.rglob("*.py"):
        code = re.sub(r'""".*?"""', "", path.read_text(), flags=re.DOTALL)
        if re.findall(rf'/ "(?:{FOLDERS})"|"(?:{FOLDERS})" /', code):
            spelling.add(path.relative_to(package).as_posix())
    # The latter makes the folder in which the slabs of a brain will lie, beside its own output.
    assert spelling == {"results.py", "steps/accept_volumes.py"}


def test_no_other_module_spells_the_name_of_a_file(repository):
    """Or it would write or look elsewhere once the name changes here."""
    package = repository / "scripts" / "cellsift"
    found = {}
    for path in package.rglob("*.py"):
        module = path.relative_to(package)
        if module.parts[0] not in OTHER_FILES and (names := names_of_files(path)):
            found[module.as_posix()] = names
    assert len(found.pop("results.py")) > 20
    assert found == SPELLED_ELSEWHERE


def names_of_files(path: Path) -> set[str]:
    """What names files among the texts of a module, but for docstrings and messages."""
    tree = ast.parse(path.read_text())
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Raise)):
        told |= {id(part) for part in ast.walk(call)}
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
    ]
    return {text for text in texts if NAME.fullmatch(text)}


def test_names_that_others_have_to_know_are_those():
    assert RESULTS.model("{arm}").description.name == MODEL_FILE
    assert (BRAIN.checked.name, BRAIN.volumes.name) == OWN_FILES


def test_asking_for_a_path_loads_no_library():
    code = "import sys; import cellsift.results; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numpy", "pandas", "torch", "yaml"} & set(loaded)
    assert Path(str(RESULTS)) == Path("results")
