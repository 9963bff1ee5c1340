"""Packages that changed after they were written: new weights, and names that nothing defines."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ir_tests.coreml_packages import builder, draw, save, tools
from mmc.backends.coreml.run import run
from mmc.diagnostics import EmitError
from mmc.ir import Array

mb = builder()


def product(folder: Path, weights: Array) -> Path:
    """Return a package that multiplies by weights in the file."""
    body: Any = lambda x: mb.relu(x=mb.matmul(x=x, y=weights), name="y")  # noqa: E731
    return save(folder, {"x": draw(4)}, body)


def test_a_rewritten_package_has_its_new_weights(tmp_path: Path) -> None:
    x = draw(4)
    for seed in (1, 2):
        shutil.rmtree(tmp_path / "model.mlpackage", ignore_errors=True)
        weights = draw(4, 4, seed=seed)
        found = run(product(tmp_path, weights), {"x": x})["y"]
        # Four products of numbers below 4, summed in float32 in another order.
        np.testing.assert_allclose(found, np.maximum(x @ weights, 0), atol=1e-5)


@pytest.mark.parametrize("damage", ["operand", "output", "value"])
def test_what_nothing_defines_is_refused(tmp_path: Path, damage: str) -> None:
    path = product(tmp_path, draw(4, 4))
    model = path / "Data" / "com.apple.CoreML" / "model.mlmodel"
    spec = tools().proto.Model_pb2.Model.FromString(model.read_bytes())
    (block,) = spec.mlProgram.functions["main"].block_specializations.values()
    if damage == "operand":
        block.operations[-1].inputs["x"].arguments[0].name = "nothing"
    elif damage == "output":
        block.outputs[0] = "nothing"
    else:
        del next(o for o in block.operations if o.type == "const").attributes["val"]
    model.write_bytes(spec.SerializeToString())
    with pytest.raises(EmitError) as caught:
        run(path, {"x": draw(4)})
    assert caught.value.diagnostics[0].code == "MMC423"
