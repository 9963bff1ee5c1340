"""Recurrent layers: they are unrolled before, so what arrives here could not be."""

from __future__ import annotations

from mmc.backends.lowering import Unsupported
from mmc.backends.tflite.emitter import Emitter, lowers
from mmc.ir import Node


@lowers("LSTM", "GRU", "RNN")
def recurrent(e: Emitter, n: Node) -> None:
    """Refuse, and say what unrolling needs."""
    raise Unsupported(
        f"{n.op_type} could not be unrolled: its gates must not be coupled, every sequence must"
        " have a step, and the steps must come to at most 10 000 operators",
        fix="give the model a shorter --input-shape along time, or cut it there (mmc extract)",
    )
