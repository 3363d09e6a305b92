"""The pages of a whole results folder: complete, self-contained, and legible in a browser."""

import base64
import builtins
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from html_page import TEN_MB, Page
from IPython.core.interactiveshell import InteractiveShell
from PIL import Image
from synthetic_results import ROLES, VOXEL_SIZE, make_results

from cellsift.errors import InputError
from cellsift.io.json_files import write_json
from cellsift.labels.reached import recall_text
from cellsift.reporting import brain_page, index_making, index_page, pages
from cellsift.reporting.pages import PageError, write_index, write_page
from cellsift.reporting.run_results import RunResults
from cellsift.results import Results
from cellsift.settings.brains import Brain
from cellsift.steps.report_brain import report_brain
from cellsift.steps.report_index import report_index

WIDTH = 1366
COUNTED = ("annotated", "candidates")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def code_of(notebook: Path, parameters: dict) -> dict:
    """Run a notebook's cells here, without a kernel; returns its variables."""
    variables = {}
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "code":
            exec(cell.source, variables)
        if "parameters" in cell.metadata.get("tags", []):
            variables |= parameters
    return variables


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("synthetic"))


@pytest.fixture(scope="module")
def written(synthetic) -> dict[str, Path]:
    """The pages of the synthetic results: index, a test brain, a brain without annotation."""
    folder = synthetic.folder / "reports"
    found = {"index": folder / "index.html"}
    configuration = synthetic.configuration
    report_index(synthetic.folder, ROLES, synthetic.arms, configuration, found["index"])
    for name in ("mouse_c", "mouse_d"):
        found[name] = folder / "brains" / f"{name}.html"
        brain = Brain(name, "signal", VOXEL_SIZE, **synthetic.information[name])
        cuboids = [Results(synthetic.folder).brain(name).cuboids(1, 1)]
        report_brain(synthetic.folder, brain, cuboids, configuration, found[name])
    return found


@pytest.mark.slow
def test_pages_load_nothing_and_run_nothing_but_the_viewer(written):
    for name, path in written.items():
        page = Page(path)
        assert len(page.all("script")) == (0 if name == "index" else 2)
        assert not re.search(r"fetch\(|XMLHttpRequest|WebSocket|https?://", path.read_text())
        assert not page.all("link")
        assert not page.all("iframe")
        sources = [tag["src"] for _, tag in page.tags if "src" in tag]
        assert all(source.startswith("data:image/") for source in sources)
        assert not [tag for tag in page.all("script") if "src" in tag]
        addresses = [tag["href"] for tag in page.all("a")]
        assert not [address for address in addresses if re.match(r"\w+:|//", address)]
        assert not re.search(r"@import|url\(", path.read_text())
        assert path.stat().st_size < TEN_MB


@pytest.mark.slow
def test_every_picture_has_a_description_and_every_figure_a_caption(written):
    for path in written.values():
        page = Page(path)
        assert len(page.all("img")) >= 4
        assert all(tag.get("alt") for tag in page.all("img"))
        assert len(page.all("figcaption")) == len(page.all("figure"))
        for tag in page.all("img"):
            content = base64.b64decode(tag["src"].partition(",")[2])
            assert Image.open(io.BytesIO(content)).width <= 1600


@pytest.mark.slow
def test_index_answers_the_questions_of_a_reader(written, synthetic):
    text = Page(written["index"]).text
    for arm in synthetic.configuration["arms"]:
        assert arm in text
    for part in (
        "has the highest F1 on the test brain mouse_c",
        "Told by <whoever> ran it.",
        "brightness threshold",
        "p_cell",
        "Specificity",
        "ROC curves",
        "Brier",
        "GFLOP per cuboid",
        "3 folds from 2 train brains",
        "Seed: 1",
        "method: dog",
        "2.13.0",
        "twice as wide, trained more slowly",
        "resnet, depth 18, width 32",
        "learning_rate 0.0003",
        "blocks of 100 µm of tissue",
        "the threshold were chosen on these scores",
        "learning_rate, normalisation searched, see below",
        "What the searches for better recipes found",
        "without fold-2",
        "learning_rate 0.00123, normalisation local",
    ):
        assert part in text
    assert "nan" not in re.findall(r"\w+", text)
    addresses = {tag["href"] for tag in Page(written["index"]).all("a")}
    assert addresses == {f"brains/{brain}.html" for brain in synthetic.information}


@pytest.mark.slow
def test_pages_hide_the_code(written):
    for path in written.values():
        text = Page(path).text
        assert "import" not in text
        assert "RunResults(" not in text


@pytest.mark.slow
def test_brain_pages_tell_annotated_from_unannotated_brains(written):
    annotated, other = Page(written["mouse_c"]).text, Page(written["mouse_d"]).text
    assert "60 annotated cells" in annotated
    assert "Crosses are annotated cells that were missed" in annotated
    assert "This brain is not annotated." in other
    assert "Crosses" not in other
    for text in (annotated, other):
        assert "174 candidates" in text
        assert "180 × 300 × 420 µm" in text
        assert re.search(r"\d+ of them lie so near the border", text)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["index", "mouse_c", "mouse_d"])
def test_page_fits_a_laptop_screen(written, name, tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("chromium is not installed")
    picture = tmp_path / "page.png"
    command = [browser, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}"]
    command += [f"--window-size={WIDTH},6000", f"--screenshot={picture}", written[name].as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    pixels = np.asarray(Image.open(picture).convert("L"))
    assert pixels.shape[1] == WIDTH
    ink = (pixels < 200).any(axis=1)
    # Of the page itself, below which the window is empty.
    assert ink[: np.flatnonzero(ink)[-1]].mean() > 0.3
    # Nothing reaches the right edge, so nothing is cut off there.
    assert (pixels[:, -60:] == 255).all()


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 800])
@pytest.mark.parametrize("name", ["index", "mouse_c", "mouse_d"])
def test_nothing_overflows_and_no_script_complains(written, name, width, opened):
    page = opened(written[name], width)
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mouse_c", "mouse_d"])
def test_at_its_own_threshold_the_viewer_has_the_number_of_the_table(
    written, synthetic, name, opened
):
    page = opened(written[name])
    counts = pd.read_csv(Results(synthetic.folder).brain(name).counts)
    naive = counts[counts["region"] == "all"].set_index("arm")["naive"]
    for arm, called in naive.items():
        page.locator(".viewer .arm").select_option(arm)
        told = page.locator(".viewer .told").inner_text()
        assert told.startswith(f"{called} candidates are called cells"), arm
        assert "the arm's own threshold" in told


@pytest.mark.slow
def test_a_failing_cell_is_named_and_leaves_the_old_page(synthetic, tmp_path):
    broken = tmp_path / "results"
    shutil.copytree(synthetic.folder / "evaluation", broken / "evaluation")
    (broken / "evaluation" / "end_to_end.csv").unlink()
    page = tmp_path / "index.html"
    page.write_text("old")
    with pytest.raises(InputError, match=r"index.ipynb, cell \d+ \(page.verdict.*end_to_end.csv"):
        write_index(broken, synthetic.configuration, page)
    assert page.read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {"results", "index.html"}


@pytest.mark.slow
def test_kernels_and_settings_of_the_user_do_not_matter(tmp_path, monkeypatch):
    spec = tmp_path / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    kernel = {"argv": ["/bin/false"], "display_name": "broken", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(kernel))
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "fail.py").write_text("raise SystemExit")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    foreign = tmp_path / "venv" / "lib" / version / "site-packages"
    foreign.mkdir(parents=True)
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "venv"))
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("number = 1", metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell(
                "from cellsift.reporting.html import paragraph\nparagraph(f'number {number}')"
            ),
        ]
    )
    nbformat.write(notebook, tmp_path / "small.ipynb")
    write_page(tmp_path / "small.ipynb", {"number": 7}, "a < b", tmp_path / "small.html")
    text = (tmp_path / "small.html").read_text()
    assert "<p>number 7</p>" in text
    assert "<title>a &lt; b</title>" in text
    assert str(foreign) not in sys.path
    notebook.cells[1].source = "1 / number"
    nbformat.write(notebook, tmp_path / "small.ipynb")
    with pytest.raises(PageError, match=r"small.ipynb, cell 2 \(1 / number\): ZeroDivisionError"):
        write_page(tmp_path / "small.ipynb", {"number": 0}, "", tmp_path / "other.html")
    assert not (tmp_path / "other.html").exists()


def write_notebook(path: Path, *sources: str) -> Path:
    """A notebook of these cells, the first of which holds the parameters."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


SHOW = "from cellsift.reporting.html import paragraph\nparagraph(str({}))"


def test_a_page_is_made_by_the_process_that_asks_for_it(tmp_path):
    """A kernel would load all libraries once more."""
    notebook = write_notebook(
        tmp_path / "own.ipynb", "number = 1", "import os", SHOW.format("(os.getpid(), number)")
    )
    write_page(notebook, {"number": 7}, "", tmp_path / "own.html")
    assert f"<p>({os.getpid()}, 7)</p>" in (tmp_path / "own.html").read_text()


def test_making_a_page_leaves_the_process_as_it_was(tmp_path, capfd):
    main, hook, names = sys.modules["__main__"], sys.displayhook, set(vars(builtins))
    first = write_notebook(tmp_path / "first.ipynb", "", "kept = print('said')", SHOW.format("1"))
    write_page(first, {}, "", tmp_path / "first.html")
    assert (sys.modules["__main__"], sys.displayhook) == (main, hook)
    assert set(vars(builtins)) == names
    assert not InteractiveShell.initialized()
    # For the log.
    assert capfd.readouterr() == ("said\n", "")
    assert "said" not in (tmp_path / "first.html").read_text()
    second = write_notebook(tmp_path / "second.ipynb", "", SHOW.format("kept"))
    with pytest.raises(PageError, match=r"second.ipynb, cell 2 \(paragraph.*NameError.*'kept'"):
        write_page(second, {}, "", tmp_path / "second.html")


def test_what_a_cell_displays_is_on_the_page_before_its_value(tmp_path):
    cell = f"from IPython.display import HTML\ndisplay(HTML('<p>first</p>'))\n{SHOW.format('2')}"
    notebook = write_notebook(tmp_path / "shown.ipynb", "", cell)
    write_page(notebook, {}, "", tmp_path / "shown.html")
    text = (tmp_path / "shown.html").read_text()
    assert 0 < text.find("<p>first</p>") < text.find("<p>2</p>")


def test_a_notebook_without_a_cell_of_parameters_has_them_too(tmp_path):
    notebook = write_notebook(tmp_path / "bare.ipynb", SHOW.format("number"))
    content = nbformat.read(notebook, as_version=4)
    content.cells[0].metadata["tags"] = []
    nbformat.write(content, notebook)
    write_page(notebook, {"number": 7}, "", tmp_path / "bare.html")
    assert "<p>7</p>" in (tmp_path / "bare.html").read_text()


@pytest.mark.filterwarnings("ignore:To exit")
@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("1 +", "SyntaxError"),
        ("raise SystemExit", "SystemExit"),
        ("from cellsift.errors import InputError\nraise InputError('lacks a column')", "column"),
    ],
)
def test_a_cell_that_fails_in_any_way_is_told(tmp_path, cell, said):
    notebook = write_notebook(tmp_path / "broken.ipynb", "", cell, "0")
    kind = InputError if "InputError" in cell else PageError
    with pytest.raises(kind, match=rf"^broken.ipynb, cell 2 \(.*\): .*{said}") as told:
        write_page(notebook, {}, "", tmp_path / "broken.html")
    assert told.value.__cause__ is not None
    assert not (tmp_path / "broken.html").exists()


@pytest.mark.parametrize("name", ["index", "brain", "detection"])
def test_a_page_loads_no_library_that_it_does_not_need(name):
    cells = nbformat.read(pages.REPORTS / f"{name}.ipynb", as_version=4).cells
    (imports,) = [cell.source for cell in cells if "import RunResults" in cell.source]
    code = "\n".join(line for line in imports.splitlines() if "import" in line)
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        env=os.environ | {"PYTHONPATH": str(pages.REPORTS.parent / "scripts")},
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"torch", "dask", "tifffile", "sklearn", "scipy.stats", "matplotlib.pyplot", "IPython"}
    assert not heavy & set(ran.stdout.split())


@pytest.mark.slow
def test_odd_projects_have_pages_too(tmp_path):
    """One arm; no test brain; no annotated brain; no candidate at all."""
    for name, roles, cells in (
        ("train only", {"a": "train"}, 20),
        ("nothing annotated", {"a": "predict"}, 20),
        ("no candidates", {"a": "predict"}, 0),
    ):
        made = make_results(tmp_path / name, roles, {"wide": 1.0}, cells)
        shared = {"results": str(made.folder), "configuration": made.configuration}
        code_of(pages.REPORTS / "index.ipynb", shared)
        brain = {"brain": "a", "information": made.information["a"]}
        code_of(pages.REPORTS / "brain.ipynb", shared | brain)


def test_candidates_near_the_border_are_counted(synthetic):
    shown = brain_page.BrainResults(
        RunResults(synthetic.folder, synthetic.configuration), "mouse_c"
    )
    z, y, x = shown.cuboids.positions.T
    near = (z < 5) | (z >= 32) | (y < 12) | (y >= 139) | (x < 12) | (x >= 199)
    found = re.search(r"(\d+) of them lie so near", brain_page.facts(shown))
    assert abs(int(found.group(1)) - near.sum()) <= 3
    shown.cuboids.padded[:] = False
    assert "border" not in brain_page.facts(shown)


@pytest.mark.parametrize(("share", "told"), [(0.1, False), (0.45, True)])
def test_of_many_candidates_near_the_border_is_told_how_to_have_fewer(synthetic, share, told):
    run = RunResults(synthetic.folder, synthetic.configuration)
    shown = brain_page.BrainResults(run, "mouse_a", {"role": "train"})
    count = len(shown.cuboids.padded)
    shown.cuboids.padded[:] = np.arange(count) < share * count
    said = brain_page.facts(shown)
    assert ("choose a smaller cuboid (now " in said) == told
    assert ("Networks learn from them all the same" in said) == told
    assert "take such verdicts with care" in said


def test_what_preflight_doubts_is_on_the_page_and_cannot_break_out_of_it(synthetic):
    shown = brain_page.BrainResults(
        RunResults(synthetic.folder, synthetic.configuration), "mouse_c"
    )
    assert "To be checked" not in brain_page.facts(shown)
    path = shown.paths.preflight
    before = path.read_text()
    doubt = "brain mouse_c: <b>.zarr: 3 of 12 chunks have no file and read as empty."
    path.write_text(json.dumps(json.loads(before) | {"warnings": [doubt]}))
    try:
        shown = brain_page.BrainResults(shown.results, "mouse_c")
        assert f"To be checked: {doubt.replace('<b>', '&lt;b&gt;')}" in brain_page.facts(shown)
    finally:
        path.write_text(before)


def test_what_to_do_with_doubtful_candidates_is_told_by_role(synthetic):
    """To correct them alone would bias a test; a brain to predict has no annotation to correct."""
    results = RunResults(synthetic.folder, synthetic.configuration)

    def shown(name: str, **role: str) -> str:
        information = synthetic.information[name] | role
        return brain_page.doubtful(brain_page.BrainResults(results, name, information))

    teaches = "correcting their annotation, teaches an arm most"
    assert teaches in shown("mouse_a")
    assert teaches not in shown("mouse_c")
    assert "do not correct the annotation of these alone" in shown("mouse_c")
    assert teaches not in shown("mouse_d")
    assert "columns cells and non_cells; and give it the role train" in shown("mouse_d")
    assert "drawn at random, and give it the role test" in shown("mouse_d")
    unlabelled = shown("mouse_d", role="train")
    assert teaches not in unlabelled
    assert "This brain has no annotation to learn from" in unlabelled
    cells = nbformat.read(pages.REPORTS / "brain.ipynb", as_version=4).cells
    assert not any("teaches" in cell.source for cell in cells)


def test_a_brain_page_claims_no_more_of_a_test_brain_than_a_run_knows(synthetic):
    results = RunResults(synthetic.folder, synthetic.configuration)
    shown = brain_page.BrainResults(results, "mouse_c", synthetic.information["mouse_c"])
    said = brain_page.facts(shown)
    assert "test: this run fitted and chose nothing by its annotation" in said


@pytest.fixture
def with_detection_page(synthetic):
    """The results with a page on detection, and what lies beside it: results and summary."""
    paths = Results(synthetic.folder)
    counts = RunResults(synthetic.folder).evaluation("detection").set_index(["brain", "metric"])
    brains = [
        {"brain": name} | {key: int(counts.at[(name, key), "value"]) for key in COUNTED}
        for name in ("mouse_a", "mouse_b")
    ]
    write_json({"brains": brains}, paths.detection_summary)
    chosen = {"method": "dog", "soma_diameter": 12.5, "minimum_contrast": None}
    write_json({"detection": chosen}, paths.detection_choice)
    paths.detection_page.parent.mkdir(exist_ok=True)
    paths.detection_page.write_text("page")
    yield paths
    paths.detection_page.unlink()
    shutil.rmtree(paths.detection_summary.parent)


def detection_part(synthetic, method: str) -> str:
    configuration = synthetic.configuration | {"detection": {"method": method}}
    return index_page.detection(RunResults(synthetic.folder, configuration))


LINK = '<a href="detection.html">'


def test_index_links_to_the_page_on_detection_where_there_is_one(synthetic, with_detection_page):
    shown = detection_part(synthetic, "dog")
    assert LINK in shown
    # Of an earlier search; this run was told its detector.
    assert "12.5" not in shown
    with_detection_page.detection_page.unlink()
    assert LINK not in detection_part(synthetic, "dog")
    # A run that searches makes it, whether or not it is there yet.
    assert LINK in detection_part(synthetic, "auto")
    with_detection_page.detection_page.write_text("page")


def test_the_config_on_the_index_has_what_the_search_chose(synthetic, with_detection_page):
    """Not null: that is what a reader wants to know there."""
    left_open = {
        "detection": {"method": "auto", "trials": 40},
        "matching": {"distance_um": None},
        "cuboid": {"shape": [12, 25, 25], "voxel_size": None},
    }
    choice = {
        "detection": {"method": "dog", "soma_diameter": 12.5, "minimum_contrast": None},
        "matching": {"distance_um": 9.4},
        "cuboid": {"shape": [12, 25, 25], "voxel_size": [5.0, 2.5, 2.5]},
    }
    write_json(choice, with_detection_page.detection_choice)
    configuration = synthetic.configuration | left_open
    shown = index_making.versions(RunResults(synthetic.folder, configuration))
    assert "distance_um: 9.4, chosen by the search" in shown
    assert "voxel_size: 5.0, 2.5, 2.5, chosen by the search" in shown
    assert "method: auto\n  trials: 40\n  chosen by the search:\n    method: dog" in shown
    assert "null" not in shown
    # A config that names its detector is shown as it is, whatever an earlier search has left.
    own = left_open | {"detection": {"method": "dog"}, "matching": {"distance_um": 8}}
    shown = index_making.versions(RunResults(synthetic.folder, synthetic.configuration | own))
    assert "chosen by the search" not in shown


@pytest.mark.parametrize("counted", COUNTED)
def test_index_does_not_link_to_a_trial_of_another_detection(
    synthetic, with_detection_page, counted
):
    summary = json.loads(with_detection_page.detection_summary.read_text())
    summary["brains"][1][counted] += 1
    write_json(summary, with_detection_page.detection_summary)
    assert LINK not in detection_part(synthetic, "dog")


def test_index_names_the_detector_that_was_searched_for(synthetic, with_detection_page):
    shown = detection_part(synthetic, "auto")
    said = "The detector was searched for on the train brains; in use is dog, soma_diameter 12.5."
    assert said in shown
    assert shown.index(said) < shown.index(LINK)
    assert shown.count("<p>") == 1


def test_a_recall_is_told_on_the_index_as_in_the_terminal(synthetic, tmp_path):
    """221 of 224 cells are 0.98, not 0.99 in the table and 0.98 in the sentence."""
    shutil.copytree(synthetic.folder / "evaluation", tmp_path / "evaluation")
    path = tmp_path / "evaluation" / "detection.csv"
    table = pd.read_csv(path)
    for metric, value in (("annotated", 224), ("recall", 221 / 224)):
        table.loc[table["metric"] == metric, "value"] = value
    table.to_csv(path, index=False)
    results = RunResults(tmp_path, synthetic.configuration)
    assert f"<td>{recall_text(221, 224)} [" in index_page.detection(results)
    assert f"(recall of detection {recall_text(221, 224)})" in index_page.verdict(results)


def test_an_annotation_that_seems_to_lie_elsewhere_is_told_before_detection_is_judged(synthetic):
    results = RunResults(synthetic.folder, synthetic.configuration)
    name = results.evaluation("detection")["brain"].iloc[0]
    path = synthetic.folder / "brains" / name / "labels.json"
    before = path.read_text()
    assert "To be checked first" not in index_page.detection(results)
    doubt = "9 of 40 cells, but 38 in the order <x, y, z>"
    path.write_text(json.dumps(json.loads(before) | {"warnings": [doubt]}))
    try:
        shown = index_page.detection(results)
        assert "To be checked first: 9 of 40 cells, but 38 in the order &lt;x, y, z&gt;" in shown
        assert shown.index("To be checked first") < shown.index("recall of detection")
        assert results.doubts(name) == [doubt]
        page = brain_page.facts(brain_page.BrainResults(results, name))
        assert "To be checked: 9 of 40 cells" in page
    finally:
        path.write_text(before)


def test_doubts_about_volumes_and_annotation_are_shown_once_each(tmp_path):
    folder = tmp_path / "brains" / "b"
    folder.mkdir(parents=True)
    said = {"checked": ["one"], "preflight": ["one", "two"], "labels": ["three"]}
    for note, warnings in said.items():
        (folder / f"{note}.json").write_text(json.dumps({"warnings": warnings}))
    assert RunResults(tmp_path).doubts("b") == ["one", "two", "three"]


def test_a_refused_brain_is_named_on_the_index_page_beside_the_others(synthetic):
    results = RunResults(synthetic.folder, synthetic.configuration)
    note = synthetic.folder / "brains" / "mouse_d" / "checked.json"
    note.write_text(json.dumps({"brain": "mouse_d", "refused": "brain mouse_d: <b>.tif is dark"}))
    try:
        shown = index_page.brains(results)
    finally:
        note.unlink()
    assert "Not usable: brain mouse_d: &lt;b&gt;.tif is dark" in shown
    assert "predict, not usable" in shown
    assert "brains/mouse_d.html" not in shown
    assert "brains/mouse_c.html" in shown
    assert "not usable" not in index_page.brains(results)


def test_notebooks_are_stored_without_outputs_and_take_parameters():
    for name in ("index", "brain", "detection"):
        cells = nbformat.read(pages.REPORTS / f"{name}.ipynb", as_version=4).cells
        code = [cell for cell in cells if cell.cell_type == "code"]
        assert code[0].metadata["tags"] == ["parameters"]
        assert not any(cell.outputs or cell.execution_count for cell in code)
        # Each further cell is one call.
        assert all(len(cell.source.splitlines()) == 1 for cell in code[2:])


def test_a_missing_notebook_is_named(tmp_path):
    with pytest.raises(InputError, match="missing.ipynb: there is no such notebook"):
        write_page(tmp_path / "missing.ipynb", {}, "", tmp_path / "page.html")
