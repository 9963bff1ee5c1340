"""Large pads on a processor are of rows, but in front of convolutions."""

from __future__ import annotations

import numpy as np
import onnx.printer
import pytest
from lowering import check_lowering, single

from mmc import opset
from mmc.ir import parse


@pytest.mark.parametrize("value", [0.0, 1.5])
@pytest.mark.parametrize(
    ("shape", "pads", "reshaped"),
    [
        ((1, 64, 100, 3), (0, 1, 2, 0, 0, 0, 3, 0), True),
        ((1, 150, 120, 1), (0, 0, 5, 0, 0, 0, 0, 0), True),
        ((40, 600), (0, 1, 0, 2), False),
        ((1, 8, 9, 3), (0, 1, 2, 0, 0, 0, 3, 0), False),
    ],
)
def test_large_pads_are_of_rows(
    shape: tuple[int, ...], pads: tuple[int, ...], reshaped: bool, value: float
) -> None:
    """A processor pads rows, where the last axis is not padded and there is much to copy."""
    model = single("Pad", shape, np.array(pads, np.int64), np.array(value, np.float32))
    kind = "PADV2" if value else "PAD"
    assert check_lowering(model) == (["RESHAPE", kind, "RESHAPE"] if reshaped else [kind])


def test_pads_of_convolutions_stay_before_them() -> None:
    """XNNPACK computes the two as one."""
    model = parse(
        """<ir_version: 13, opset_import: ["" : 25, "mmc" : 1]>
        g (float[1,64,100,3] x) => (float[1,66,101,4] y) {
            a = Pad(x, pads)
            y = mmc.Conv2d <strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1],
                            group = 1> (a, w)
        }
        """
        + onnx.printer.to_text(opset.function_proto("Conv2d")),
        pads=np.array([0, 1, 2, 0, 0, 1, 0, 0], np.int64),
        w=np.ones((4, 1, 2, 3), np.float32),
    )
    assert check_lowering(model) == ["PAD", "CONV_2D"]
