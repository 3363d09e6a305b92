"""A stored model as an ONNX file, for programs that do not have torch."""

import argparse
import json
import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file
from cellsift.models.storage import load_model

OPSET = 18
LARGEST_BATCH = 4096
# The names of what goes in and out.
INPUT, OUTPUT = "cuboids", "logits"


def export_onnx(json_path: str | Path, path: str | Path) -> None:
    """Write a stored model (fold-N.json) as an ONNX file, whole or not at all.

    Its input `cuboids` is float32 (n, channel, z, y, x), normalised as the metadata's entry
    `cellsift` says, which is the model's sidecar as JSON; its output `logits` (n, 2): no cell,
    cell. n is free. For p_cell as `classify_brain` gives it, take the difference of the two (their
    mean over mirror images, if the sidecar's `test_time_augmentation` says so), add its
    `logit_offset`, take the mean over the arm's folds, divide by the temperature in its model.json
    and take the sigmoid.

    The logits are those of torch but for rounding; of architecture `features`, a cuboid of which a
    feature lies on the threshold of a split, to float32's precision, may go to another leaf there:
    one in a thousand of noisy cuboids.

    Raises:
        InputError: a model that cannot be read, or the packages onnx and onnxscript are missing.
    """
    model, sidecar = load_model(json_path)
    example = torch.zeros(2, sidecar["in_channels"], *sidecar["cuboid"]["shape"])
    write_onnx(model, {INPUT: example}, OUTPUT, {"cellsift": json.dumps(sidecar)}, path)


def write_onnx(
    module: nn.Module,
    examples: Mapping[str, torch.Tensor],
    output: str,
    metadata: Mapping[str, str],
    path: str | Path,
) -> None:
    """Write a module as an ONNX file, whole or not at all.

    The same module gives the same bytes, in which no path of this machine stands.

    Args:
        examples: inputs by name, in order, two of each: their first axis is free.
        output: name of the one output.
        metadata: texts that the file is to hold.

    Raises:
        InputError: the packages onnx and onnxscript are missing.
    """
    try:
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise InputError(
            "to write ONNX files the packages onnx and onnxscript are needed; install cellsift "
            "with its extra `onnx`"
        ) from error
    batch = torch.export.Dim("batch", min=1, max=LARGEST_BATCH)
    with _without_remarks():
        program = torch.onnx.export(
            module,
            tuple(examples.values()),
            input_names=list(examples),
            output_names=[output],
            dynamic_shapes=tuple({0: batch} for _ in examples),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    # None comes of the exporter before dynamo only.
    assert program is not None
    # Of each operation the lines of code that it comes from, with the folders of this machine.
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()
    program.model.metadata_props.update(metadata)
    with atomic_file(path) as beside:
        program.save(beside, external_data=False)


@contextmanager
def _without_remarks() -> Iterator[None]:
    """Keep torch from telling of a missing torchvision and of its own functions' deprecation."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `python -m cellsift.interop.onnx_export MODEL.json OUT.onnx`; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m cellsift.interop.onnx_export")
    parser.add_argument("model", type=Path, help="JSON of a model, such as fold-0.json")
    parser.add_argument("out", type=Path, help="the file to write")
    given = parser.parse_args(arguments)
    try:
        export_onnx(given.model, given.out)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{given.out} holds the model of {given.model}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
