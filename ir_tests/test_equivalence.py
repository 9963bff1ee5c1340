"""`--check` and `--check-layers`: what each contract allows, and what is found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir
import pytest

from mmc.diagnostics import PassError
from mmc.ir import Array, Model, parse
from mmc.pass_manager import Contract, Pass, PassManager
from mmc.passes.to_nhwc import ToNhwc
from mmc.shapes import infer
from mmc.verification.equivalence import Equivalence

TEXT = """<ir_version: 13, opset_import: ["" : 25]>
    g (float[1,4,6,6] x) => (float[1,4,6,6] y, int64[1,6,6] i) {
        c = Conv <pads = [1, 1, 1, 1]> (x, w, b)
        r = Relu (c)
        y = Mul (r, s)
        i = ArgMax <axis = 1, keepdims = 0> (r)
    }"""


def normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def network() -> Model:
    model = parse(TEXT, w=normal(0, 4, 4, 3, 3), b=normal(1, 4), s=normal(2, 1, 4, 1, 1))
    infer(model)
    return model


@dataclass(frozen=True)
class Disturb(Pass):
    """Multiply the constant of the given name by `1 + size`."""

    name = "disturb"
    constant: str = "w"
    size: float = 0.0

    def run(self, model: Model) -> int:
        value = model.graph.initializers[self.constant]
        assert value.const_value is not None
        array = value.const_value.numpy() * np.float32(1 + self.size)
        value.const_value = onnx_ir.tensor(array, name=self.constant)
        return 1


@dataclass(frozen=True)
class Reassociating(Disturb):
    name = "disturb-reassociating"
    contract = Contract.REASSOCIATES


@dataclass(frozen=True)
class Lossy(Disturb):
    name = "disturb-lossy"
    contract = Contract.LOSSY
    budget_db = 50.0


ULP = float(np.finfo(np.float32).eps)


@pytest.mark.parametrize(
    ("p", "right"),
    [
        (Disturb("b", 0.0), True),
        (Disturb("b", ULP), False),
        (Reassociating("w", ULP), True),
        (Reassociating("w", 1e-3), False),
        (Lossy("w", 1e-3), True),  # 60 dB
        (Lossy("w", 1e-2), False),  # 40 dB
    ],
)
@pytest.mark.parametrize("layers", [False, True])
def test_contracts(p: Pass, right: bool, layers: bool) -> None:
    check = Equivalence({"x": normal(3, 1, 4, 6, 6)}, layers=layers)
    if right:
        PassManager([p], [check]).run(network())
        return
    with pytest.raises(PassError, match="MMC194"):
        PassManager([p], [check]).run(network())


def test_the_budget_of_a_lossy_pass_can_be_given_and_what_it_cost_is_recorded() -> None:
    check = Equivalence(seed=1, budget_db=39.0)
    (record,) = PassManager([Lossy("s", 1e-2)], [check]).run(network())
    assert record.sqnr_db == pytest.approx(40.0, abs=0.01)


def test_layers_see_what_the_outputs_hide() -> None:
    """Twice the weights, and half the scale: no output tells, but `c` and `r` do."""

    @dataclass(frozen=True)
    class Shift(Pass):
        name = "shift"

        def run(self, model: Model) -> int:
            for constant, size in (("w", 1.0), ("b", 1.0), ("s", -0.5)):
                Disturb(constant, size).run(model)
            return 1

    PassManager([Shift()], [Equivalence()]).run(network())
    with pytest.raises(PassError, match="MMC194") as caught:
        PassManager([Shift()], [Equivalence(layers=True)]).run(network())
    assert "'c' (made by Conv 'c')" in str(caught.value)


def test_images_that_enter_channels_last_are_compared_too() -> None:
    image = "<ir_version: 13, opset_import: ['' : 25]> g (float[1,2,5,7] x) => (float[1,2,5,7] y)"
    model = parse(
        image.replace("'", '"') + "{ y = Conv <pads = [1,1,1,1]> (x, w) }", w=normal(0, 2, 2, 3, 3)
    )
    infer(model)
    check = Equivalence(layers=True)
    PassManager([ToNhwc(io_layout="nhwc")], [check]).run(model)
    assert check.reference["y"].shape == (1, 2, 5, 7)
    w = next(n for n in model.graph if n.op_type == "Conv2d").inputs[1]
    assert w is not None
    with pytest.raises(PassError, match="MMC194"):
        PassManager([Disturb(str(w.name), 0.5)], [check]).run(model)
