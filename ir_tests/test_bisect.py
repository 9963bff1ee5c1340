"""`mmc bisect` on errors planted in a rule, a pass, a lowering and a user's own check."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir
import pytest

from mmc.backends.coreml.lowerings import activations as coreml_activations
from mmc.backends.tflite.backend import TfliteBackend
from mmc.backends.tflite.lowerings import activations
from mmc.cli import main
from mmc.commands.bisect import lines
from mmc.debugging.bisection import bisect
from mmc.history import State, first_bad
from mmc.ir import Array, Model, Node, parse, save
from mmc.options import CompileOptions, Picture
from mmc.pass_manager import Pass, Phase
from mmc.passes.rules import conv_affine
from mmc.shapes import infer

TEXT = """<ir_version: 13, opset_import: ["" : 25]>
    g (float[1,4,8,8] x) => (float[1,6] y) {
        c1 = Conv <pads = [1, 1, 1, 1]> (x, w1)
        b1 = BatchNormalization (c1, scale, bias, mean, var)
        r1 = Relu (b1)
        c2 = Conv <pads = [1, 1, 1, 1]> (r1, w2)
        s2 = Sigmoid (c2)
        p = GlobalAveragePool (s2)
        f = Flatten (p)
        y = MatMul (f, w3)
    }"""


def normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    model = parse(
        TEXT,
        w1=normal(0, 4, 4, 3, 3),
        w2=normal(1, 4, 4, 3, 3) / 6,
        w3=normal(2, 4, 6),
        scale=normal(3, 4),
        bias=normal(4, 4),
        mean=normal(5, 4),
        var=normal(6, 4) ** 2 + 1,
    )
    infer(model)
    save(model, tmp_path / "m.onnx")
    return tmp_path / "m.onnx"


@pytest.mark.slow
def test_a_right_model_has_no_culprit(path: Path) -> None:
    found = bisect(path, "hexagon_v73")
    assert found.guilty == "nothing"
    assert [s.good for s in found.steps] == [True, True]


@pytest.mark.slow
def test_a_wrong_rule(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = conv_affine.scale_and_shift

    def without_mean(n: Node) -> tuple[Array, Array]:
        scale, shift = right(n)
        return scale, shift * 0

    monkeypatch.setattr(conv_affine, "scale_and_shift", without_mean)
    found = bisect(path, "hexagon_v73")
    told = json.loads(json.dumps(found.to_json()))
    assert told["schema"] == "mmc.bisection/1"
    assert (told["guilty"], told["passed"]) == ("pass", "fuse")
    assert told["tensor"]["name"] == "b1"
    (node,) = told["nodes"]
    assert (node["kind"], node["rule"]) == ("Conv", "conv-bn")
    assert set(node["sources"]) == {"c1", "b1"}
    assert len(told["steps"]) < told["states"]
    text = "\n".join(lines(found))
    assert "first wrong after pass 'fuse'" in text
    assert "tensor  'b1': SQNR" in text
    assert "made by rule 'conv-bn', from b1, c1" in text


@dataclass(frozen=True)
class Nudge(Pass):
    """Change one weight by a thousandth, where nobody looks."""

    name = "nudge"

    def run(self, model: Model) -> int:
        value = model.graph.initializers["w3"]
        assert value.const_value is not None
        array = value.const_value.numpy().copy()
        array[0, 0] += np.float32(1e-3)
        value.const_value = onnx_ir.tensor(array, name="w3")
        return 1


@pytest.mark.slow
def test_a_wrong_weight_of_an_unchanged_node(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phases = TfliteBackend.phases
    wrong = Phase("seeded", (Nudge(),))
    monkeypatch.setattr(
        TfliteBackend, "phases", lambda self: [*phases(self)[:2], wrong, *phases(self)[2:]]
    )
    found = bisect(path, "hexagon_v73")
    assert (found.guilty, found.passed, found.phase) == ("pass", "nudge", "seeded")
    assert found.tensor is not None
    assert found.tensor.name == "y"
    assert [n.kind for n in found.nodes] == ["MatMul"]
    assert bisect(path, "hexagon_v73", tolerance_db=30).guilty == "nothing"


@pytest.mark.slow
def test_a_wrong_lowering(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(activations.SIMPLE, "Sigmoid", "TANH")
    found = bisect(path, "hexagon_v73")
    assert found.guilty == "emission"
    assert found.tensor is not None
    assert found.tensor.name.startswith("s2")
    assert (found.nodes[0].kind, found.nodes[0].sources) == ("TANH", ("s2",))


@pytest.mark.slow
def test_a_wrong_lowering_to_core_ml_is_named_as_the_model_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of a package are identifiers: "/gate/s.2" is another one there."""
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[1,3,8,8] x) => (float[1,4,8,8] y) {
            c = Conv<pads=[1,1,1,1]>(x, w)  s = Sigmoid(c)  m = Mul(s, s)  y = Relu(m)
        }""",
        w=normal(0, 4, 3, 3, 3),
    )
    (gate,) = (node for node in model.graph if node.op_type == "Sigmoid")
    gate.outputs[0].name = "/gate/s.2"
    save(model, tmp_path / "m.onnx")
    monkeypatch.setitem(coreml_activations.PLAIN, "Sigmoid", "tanh")
    found = bisect(tmp_path / "m.onnx", "ane_ios18")
    assert found.guilty == "emission"
    assert found.tensor is not None
    assert found.tensor.name == "/gate/s.2"
    assert (found.nodes[0].kind, found.nodes[0].sources) == ("tanh", ("s",))


CHECK = """import onnx, sys
model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
sys.exit(all(n.op_type != "BatchNormalization" for n in model.graph.node) * 3)"""


@pytest.mark.slow
def test_a_check_of_the_users(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bisect", str(path), "--target", "cpu", "--", sys.executable, "-c", CHECK, "{}"]
    assert main(command) == 1
    text = capsys.readouterr().out
    assert "first wrong after pass 'fuse'" in text
    assert "exit code 3" in text
    assert "rule 'conv-bn'" in text
    for wrong in (["true"], ["/no/such/check", "{}"]):
        assert main([*command[:5], *wrong]) == 2
        assert "MMC010" in capsys.readouterr().err


@pytest.mark.slow
def test_a_check_that_refuses_the_original_blames_no_pass(path: Path) -> None:
    command = (sys.executable, "-c", "import sys; sys.exit(len(sys.argv))", "{}")
    found = bisect(path, "cpu", command=command)
    assert (found.guilty, found.passed) == ("original", "")
    assert [s.what.partition(",")[0] for s in found.steps][-1] == "the original"
    assert "refuses the original model too" in "\n".join(lines(found))


@pytest.mark.parametrize("bad", range(8))
def test_the_search_is_binary(bad: int) -> None:
    states = [State(run, "p", "f", Path()) for run in range(8)]
    tried: list[int] = []

    def is_good(state: State) -> bool:
        tried.append(state.run)
        return state.run < bad

    assert first_bad(states, is_good) == bad
    assert first_bad(states[:bad], is_good) is None if bad else True
    assert len(tried) <= 6


@pytest.mark.parametrize("more", [{}, {"pictures": {"x": Picture("RGB", 1 / 127.5, (-1.0,))}}])
def test_a_float16_package_is_no_culprit(tmp_path: Path, more: dict[str, Any]) -> None:
    """What float16 rounds is not what went wrong: the package has to reach 40 dB."""
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25]>
        g (float[1,3,8,8] x) => (float[1,4,8,8] y) { y = Conv<pads=[1,1,1,1]>(x, w) }""",
        w=normal(0, 4, 3, 3, 3),
    )
    save(model, tmp_path / "m.onnx")
    found = bisect(tmp_path / "m.onnx", "ane_ios18", CompileOptions(**more))
    assert found.guilty == "nothing"
    found = bisect(tmp_path / "m.onnx", "ane_ios18", CompileOptions(**more), tolerance_db=90)
    assert found.guilty == "emission"
