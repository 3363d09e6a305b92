"""Paths under the folder of results: where the design says that they lie, and spelled once."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

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
    RESULTS.log("train", "{arm}/fold-{fold}"): "results/logs/train/{arm}/fold-{fold}.log",
    RESULTS.log("evaluate"): "results/logs/evaluate.log",
    RESULTS.benchmark("detect", "a.b"): "results/benchmarks/detect/a.b.tsv",
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


def test_pages_and_exports_spell_none_either(repository):
    package = repository / "scripts" / "cellsift"
    for path in [*(package / "reporting").glob("*.py"), package / "interop" / "mlflow_store.py"]:
        code = re.sub(r'""".*?"""', "", path.read_text(), flags=re.DOTALL)
        assert not re.findall(rf'/ "(?:{FOLDERS})"|"(?:{FOLDERS})" /', code), path
        assert not SPELLED.findall(code), path


def test_asking_for_a_path_loads_no_library():
    code = "import sys; import cellsift.results; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numpy", "pandas", "torch", "yaml"} & set(loaded)
    assert Path(str(RESULTS)) == Path("results")
