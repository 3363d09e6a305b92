"""`make lock` writes down what is installed here, and leaves other Pythons' pins as they are."""

import sys

from cellsift.workflow.pins import renewed

HERE = "{}.{}".format(*sys.version_info)
MINE, OTHERS = f'python_version == "{HERE}"', f'python_version != "{HERE}"'


def test_pins_of_other_pythons_stay():
    lines = [f"cellfinder==1.10.1 ; {MINE}", f"cellfinder==1.11.0 ; {OTHERS}", "numpy==2.4.6"]
    assert renewed(lines, ["cellfinder==1.10.2", "numpy==2.5.0"]) == [
        f"cellfinder==1.10.2 ; {MINE}",
        f"cellfinder==1.11.0 ; {OTHERS}",
        "numpy==2.5.0",
    ]


def test_what_is_not_installed_here_keeps_its_pin_and_what_is_new_gets_one():
    assert renewed(["torch==2.13.0", "mlflow-skinny==3.17.2"], ["zarr==3.1.6"]) == [
        "mlflow-skinny==3.17.2",
        "torch==2.13.0",
        "zarr==3.1.6",
    ]


def test_names_are_the_same_however_they_are_spelled():
    assert renewed(["brainglobe_space==1.0.3"], ["brainglobe-space==1.0.4"]) == [
        "brainglobe_space==1.0.4"
    ]


def test_a_build_of_torch_is_not_pinned_nor_what_it_brings():
    """Machines with a GPU and without one install by the same pins."""
    installed = ["torch==2.13.0+cpu", "nvidia-cublas==13.1.1.3", "triton==3.7.1"]
    assert renewed(["torch==2.12.0"], installed) == ["torch==2.13.0"]
