"""Tree ensembles at load: against ONNX Runtime's kernels, on drawn forests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from contrib_cases import Case
from test_contrib import build, close, compare

import mmc
from mmc.diagnostics import LegalityError
from mmc.ir import Array, load, save
from mmc.verification.reference import run

FEATURES = 5
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT")


@dataclass
class Forest:
    """Draws trees as lists of attributes; leaves give to the columns listed."""

    rng: np.random.Generator
    columns: tuple[int, ...]
    kind: str
    modes: tuple[str, ...] = ("BRANCH_LEQ",)
    positive: bool = False
    missing: tuple[int, ...] = (0,)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    gifts: list[tuple[int, int, int, float]] = field(default_factory=list)

    def grow(self, tree: int, depth: int) -> int:
        """Add a node and all below; returns its number in the tree."""
        number = sum(n["treeids"] == tree for n in self.nodes)
        node: dict[str, Any] = {"treeids": tree, "nodeids": number, "modes": "LEAF", "values": 0.0}
        node |= {"featureids": 0, "truenodeids": 0, "falsenodeids": 0}
        node["missing_value_tracks_true"] = int(self.rng.choice(self.missing))
        self.nodes.append(node)
        if depth and (number == 0 or self.rng.random() < 0.8):
            node |= {"modes": str(self.rng.choice(self.modes))}
            node |= {"featureids": int(self.rng.integers(FEATURES))}
            node |= {"values": float(np.float32(self.rng.integers(-2, 3) / 2))}
            node |= {"truenodeids": self.grow(tree, depth - 1)}
            node |= {"falsenodeids": self.grow(tree, depth - 1)}
            return number
        for column in self.columns:
            weight = float(np.float32(self.rng.standard_normal()))
            self.gifts.append((tree, number, column, abs(weight) / 4 if self.positive else weight))
        return number

    def attributes(self, trees: int, depth: int) -> dict[str, Any]:
        for tree in range(trees):
            self.grow(tree, depth)
        found = {f"nodes_{k}": [n[k] for n in self.nodes] for k in self.nodes[0]}
        names = ("treeids", "nodeids", "ids", "weights")
        columns = zip(*self.gifts, strict=True)
        return found | {f"{self.kind}_{n}": list(c) for n, c in zip(names, columns, strict=True)}


def samples(gaps: bool = False) -> Array:
    """Multiples of a half, so that values lie on the splits as well."""
    rng = np.random.default_rng(3)
    x = (rng.integers(-4, 5, (40, FEATURES)) / 2).astype(np.float32)
    if gaps:
        x[rng.random(x.shape) < 0.3] = np.nan
    return x


def regressor(trees: int = 4, *, gaps: bool = False, targets: int = 1, **more: Any) -> Case:
    names = ("modes", "missing")
    drawn = {n: more.pop(n) for n in names if n in more}
    forest = Forest(np.random.default_rng(trees), tuple(range(targets)), "target", **drawn)
    given = forest.attributes(trees, 4) | {"n_targets": targets} | more
    return Case("TreeEnsembleRegressor", (samples(gaps),), (0,), "ai.onnx.ml", given)


def classifier(
    columns: tuple[int, ...], labels: list[Any], *, positive: bool = False, **more: Any
) -> Case:
    forest = Forest(np.random.default_rng(9), columns, "class", positive=positive)
    outputs = more.pop("outputs", (0, 1))
    given = forest.attributes(3, 4) | {"classlabels_int64s": labels} | more
    return Case("TreeEnsembleClassifier", (samples(),), outputs, "ai.onnx.ml", given)


CASES = (
    regressor(),
    regressor(1),
    regressor(3, targets=3, base_values=[0.5, -1.0, 2.0]),
    regressor(5, aggregate_function="AVERAGE"),
    regressor(6, modes=MODES),
    regressor(6, modes=MODES, missing=(0, 1), gaps=True),
    regressor(3, missing=(1,), gaps=True),
    classifier((0, 1, 2), [4, 2, 9]),
    classifier((0, 1, 2), [0, 1, 2], post_transform="SOFTMAX", base_values=[0.5, 0.0, -0.5]),
    classifier((0,), [0, 1], positive=True),
    classifier((1,), [7, 3], positive=True),
    classifier((0,), [0, 1]),
    classifier((1,), [7, 3]),
    classifier((0,), [7, 3], post_transform="LOGISTIC"),
    classifier((0,), [7, 3], post_transform="LOGISTIC", base_values=[0.25]),
    classifier((0,), [7, 3], post_transform="LOGISTIC", base_values=[0.25], positive=True),
    classifier((0,), [0, 1], base_values=[-0.5]),
    classifier((0,), [0, 1], base_values=[-0.5], positive=True),
    classifier((1,), [7, 3], post_transform="LOGISTIC"),
    classifier((1,), [7, 3], post_transform="SOFTMAX", positive=True),
)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.op_type)
def test_forest(case: Case, tmp_path: Path) -> None:
    compare(case, tmp_path)


@pytest.mark.parametrize("target", ["cpu", "ane_ios18"])
def test_forest_compiles(target: str, tmp_path: Path) -> None:
    build(CASES[7], tmp_path / "m.onnx")
    suffix = "tflite" if target == "cpu" else "mlpackage"
    result = mmc.compile(tmp_path / "m.onnx", target=target, output=tmp_path / f"m.{suffix}")
    assert result.verification is not None
    assert result.verification.passed


@pytest.mark.parametrize(
    ("case", "why"),
    [
        (classifier((0, 1), [5, 3]), "runtimes differ on the label of two classes"),
        (classifier((1,), [5, 3], base_values=[0.5]), "runtimes differ on two classes with these"),
        (classifier((0,), [5, 3], base_values=[0.5, 1.0]), "runtimes differ on two classes with"),
        (regressor(2, aggregate_function="MIN"), "the MIN over trees"),
        (regressor(2, nodes_featureids=[9] * 40), "differ in length"),
        (regressor(2, modes=("BRANCH_NEQ",)), "splits of mode BRANCH_NEQ"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_forms_without_equal_say_why(case: Case, why: str, tmp_path: Path) -> None:
    build(case, tmp_path / "m.onnx")
    with pytest.raises(LegalityError, match=f"'the node'(?s:.*){why}"):
        mmc.compile(tmp_path / "m.onnx", target="cpu", output=tmp_path / "m.tflite")


def test_scores_of_two_classes_without_their_label(tmp_path: Path) -> None:
    feeds = build(classifier((0, 1), [5, 3]), tmp_path / "m.onnx")
    expected = run(tmp_path / "m.onnx", feeds)["y1"]
    model = onnx.load(tmp_path / "m.onnx")
    del model.graph.output[0]
    onnx.save(model, tmp_path / "m.onnx")
    save(load(tmp_path / "m.onnx"), tmp_path / "e.onnx")
    close(expected, run(tmp_path / "e.onnx", feeds)["y1"])
