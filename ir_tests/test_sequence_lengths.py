"""Recurrent layers whose sequences end early, against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lowering import feeds_for, run_both, single

from mmc.diagnostics import LegalityError

KINDS = {"RNN": 1, "GRU": 3, "LSTM": 4}


def layer(kind: str, lengths: Any, direction: str, directions: int) -> Any:
    """Return a layer of 5 steps, 2 sequences, 3 inputs and 4 states, with all its results."""
    gates = KINDS[kind]
    rng = np.random.default_rng(3)
    shapes = [(directions, gates * 4, 3), (directions, gates * 4, 4), (directions, gates * 8)]
    weights = [rng.standard_normal(s).astype(np.float32) for s in shapes]
    state = (directions, 2, 4)
    states = [state, state] if kind == "LSTM" else [state]
    outputs = 1 + len(states)
    given = {"hidden_size": 4, "direction": direction}
    return single(kind, (5, 2, 3), *weights, lengths, *states, outputs=outputs, **given)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("direction", "directions"), [("reverse", 1), ("bidirectional", 2)])
def test_sequences_end_early(kind: str, direction: str, directions: int) -> None:
    run_both(layer(kind, np.array([2, 4], np.int32), direction, directions))
    model = layer(kind, ((2,), np.int32), direction, directions)
    name = next(v.name for v in model.graph.inputs if v.dtype.numpy() == np.int32)
    run_both(model, {**feeds_for(model), name: np.array([4, 2], np.int32)})


def test_a_sequence_without_steps_is_refused() -> None:
    with pytest.raises(LegalityError, match="every sequence must have a step"):
        run_both(layer("GRU", np.array([0, 4], np.int32), "forward", 1))
