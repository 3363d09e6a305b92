"""Whatever is in a table, config, XML or CSV: it is read, or refused with a message."""

from pathlib import Path

import pytest
import yaml
from fuzzing import FUZZ
from hypothesis import example, given
from hypothesis import strategies as st

from cellsift.errors import InputError
from cellsift.io.cells import read_points
from cellsift.io.plane_names import planes_of_list
from cellsift.project.reading import load_project, read_project
from cellsift.settings.project import Project
from cellsift.workflow.stamp import data_stamp

CONFIG = {"brains_table": "brains.tsv", "arms": ["resnet_narrow"]}
COLUMNS = ["brain", "role", "signal", "background", "voxel_z", "voxel_y", "voxel_x", "cells"]
GOOD = ["a", "train", "a.tif", "", "5", "2", "2", "a.csv"]

# Text with what breaks parsers, more often than chance would bring it.
awkward = st.sampled_from(
    [
        "",
        " ",
        "\0",
        "\ufeff",
        "nan",
        "inf",
        "-1",
        "1e999",
        "9" * 400,
        "1_0",
        "../..",
        "/",
        "..",
        "a",
    ]
    + ["a\n", "\u0663", "\u2028", "'", '"', "#", "\t", "\r", "True", "null", "[", "{", "&a", "*a"]
    + ["a" * 300, "é", "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace")]
)
texts = st.one_of(awkward, st.text(max_size=8))
plain = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        texts,
        st.sampled_from([0, 1, -1, 2**31, 2**63, 2**70, 10**30]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(texts, st.integers()), inner)
    ),
    max_leaves=6,
)


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "brains.tsv").write_text("\n".join(map("\t".join, [COLUMNS, GOOD])) + "\n")
    return tmp_path


def read_or_refused(read, *arguments):
    """What reading gives; None if it refuses, with a message of one line that says something."""
    try:
        return read(*arguments)
    except InputError as refusal:
        message = str(refusal)
    assert 20 < len(message) < 5000
    return None


def check(project: Project | None, folder: Path) -> None:
    """What was accepted stays inside the results and can be looked for on disk."""
    for name, brain in project.brains.items() if project else ():
        assert (folder / name).resolve().parent == folder.resolve()
        assert len(name) < 200
        data_stamp(brain)


def table_of(rows: list[list[str]]) -> bytes:
    return "\n".join(map("\t".join, rows)).encode("utf-8", "surrogatepass")


@FUZZ
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_bytes_as_brains_table(folder, content):
    (folder / "brains.tsv").write_bytes(content)
    check(read_or_refused(load_project, CONFIG, folder), folder)


@FUZZ
@given(st.data())
def test_any_cells_in_a_brains_table(folder, data):
    """A good table, in which some values and column names are replaced."""
    rows = [list(COLUMNS), list(GOOD), ["b", "predict", "b.tif", *GOOD[3:7], ""]]
    places = st.tuples(st.integers(0, 2), st.integers(0, len(COLUMNS) - 1))
    for row, column in data.draw(st.lists(places, min_size=1, max_size=3)):
        rows[row][column] = data.draw(texts)
    (folder / "brains.tsv").write_bytes(table_of(rows))
    check(read_or_refused(load_project, CONFIG, folder), folder)


KEYS = ["brains_table", "arms", "results", "seed", "device", "intensity_range", "cuboid", "brains"]
KEYS += ["detection", "matching", "training", "threshold", "explain", "keep_cuboids"]
INNER = ["shape", "voxel_size", "method", "keep", "recall", "distance_um", "folds", "epochs", "a"]
INNER += ["soma_diameter", "learning_rate", "augmentation", "normalisation", "jobs_per_brain"]
INNER += ["detection", "cuboids", "batch_size", "patience", "candidates_per_cell", "examples"]
values = st.one_of(
    plain,
    st.dictionaries(st.sampled_from(INNER), plain, max_size=3),
    st.dictionaries(
        st.sampled_from(INNER), st.dictionaries(st.sampled_from(INNER), plain), max_size=2
    ),
)


@FUZZ
@given(st.dictionaries(st.sampled_from(KEYS), values, min_size=1, max_size=3))
@example({"detection": {0: None}})
def test_any_values_in_the_config(folder, changes):
    check(read_or_refused(load_project, CONFIG | changes, folder), folder)


@FUZZ
@given(plain)
def test_anything_as_config(folder, content):
    check(read_or_refused(load_project, content, folder), folder)


@st.composite
def tangles(draw) -> dict:
    """A config some of whose lists and mappings are in each other, or in themselves, as aliases."""
    config = draw(st.dictionaries(st.sampled_from(KEYS), values, max_size=2))
    boxes = [config, *([] if draw(st.booleans()) else {} for _ in range(draw(st.integers(1, 4))))]
    places = st.integers(0, len(boxes) - 1)
    for outer, inner in draw(st.lists(st.tuples(places, places), min_size=1, max_size=12)):
        name = draw(st.sampled_from(KEYS + INNER))
        if isinstance(boxes[outer], dict):
            boxes[outer][name] = boxes[inner]
        else:
            boxes[outer].append(draw(st.sampled_from([boxes[inner], (name, boxes[inner])])))
    return config


@FUZZ
@given(tangles())
def test_a_config_that_contains_itself(folder, changes):
    check(read_or_refused(load_project, CONFIG | changes, folder), folder)


YAML_BITS = ["a: 1", "arms: [x]", "- ", ": ", "&a ", "*a", "!!python/object:os.system ", "{", "["]
YAML_BITS += ["\n", "  ", "\t", "2001-99-99", "!!int x", "0x", "? ", "| ", "%YAML 9", "---\n", "'"]
YAML_BITS += ["<<: ", "!!timestamp 1", "!!binary é", "!!float .", "? [a] : b", "{}: {}", "\x00"]


@FUZZ
@given(
    st.one_of(
        st.binary(max_size=100),
        st.lists(st.one_of(st.sampled_from(YAML_BITS), texts), max_size=12).map(
            lambda bits: "".join(bits).encode("utf-8", "surrogatepass")
        ),
        plain.map(lambda content: yaml.dump(content).encode("utf-8", "surrogatepass")),
    )
)
def test_any_bytes_as_config_file(folder, content):
    (folder / "config.yaml").write_bytes(content)
    check(read_or_refused(read_project, folder / "config.yaml", folder), folder)


CSV_BITS = ["z,y,x\n", "1,2,3\n", ",", "\n", '"', "z", "x,", "1e5"]


@FUZZ
@given(
    st.one_of(
        st.binary(max_size=100),
        st.lists(
            st.one_of(texts, st.sampled_from(CSV_BITS)),
            max_size=12,
        ).map(lambda bits: "".join(bits).encode("utf-8", "surrogatepass")),
        st.lists(st.lists(texts, min_size=3, max_size=3), max_size=3).map(
            lambda rows: "\n".join(map(",".join, [["z", "y", "x"], *rows])).encode()
        ),
    )
)
def test_any_bytes_as_csv(folder, content):
    (folder / "cells.csv").write_bytes(content)
    points = read_or_refused(read_points, folder / "cells.csv")
    assert points is None or list(points.columns) == ["z", "y", "x"]


XML_BITS = ["<Marker_Data>", "</Marker_Data>", "<Marker_Type>", "</Marker_Type>", "<Type>2</Type>"]
XML_BITS += [
    "<Marker>",
    "</Marker>",
    "<MarkerX>1</MarkerX>",
    "<MarkerY>",
    "<!--",
    "-->",
    "<![CDATA[",
]
XML_BITS += ["]]>", "&amp;", "&#0;", "&x;", "<?x ?>", "<!DOCTYPE a>", "<a>", "</a>", "<", ">"]


def xml_of(parts: tuple[str, str, str, str]) -> str:
    kind, *position = parts
    marks = "".join(
        f"<Marker{axis}>{value}</Marker{axis}>" for axis, value in zip("XYZ", position, strict=True)
    )
    return (
        f"<C><Marker_Data><Marker_Type><Type>{kind}</Type><Marker>{marks}</Marker></Marker_Type>"
        "<Marker_Type><Type>1</Type></Marker_Type></Marker_Data></C>"
    )


@FUZZ
@given(
    st.one_of(
        st.binary(max_size=100),
        st.lists(st.one_of(st.sampled_from(XML_BITS), texts), max_size=15).map(
            lambda bits: ("<C>" + "".join(bits) + "</C>").encode("utf-8", "surrogatepass")
        ),
        st.tuples(*[st.one_of(texts, st.integers().map(str), st.just("2"))] * 4).map(
            lambda parts: xml_of(parts).encode("utf-8", "surrogatepass")
        ),
    ),
    st.sampled_from(["all", "cell", "no_cell"]),
)
@example(xml_of(("9" * 400, "2", "2", "2")).encode(), "all")
def test_any_bytes_as_xml(folder, content, kind):
    (folder / "cells.xml").write_bytes(content)
    points = read_or_refused(read_points, folder / "cells.xml", kind)
    assert points is None or list(points.columns) == ["z", "y", "x"]


@FUZZ
@given(st.one_of(st.binary(max_size=60), st.lists(texts).map("\n".join).map(str.encode)))
def test_any_bytes_as_list_of_planes(folder, content):
    (folder / "planes.txt").write_bytes(content)
    read_or_refused(planes_of_list, folder / "planes.txt")
