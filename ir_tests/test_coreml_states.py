"""Scatters, recurrent layers and control flow: the evaluator against ONNX Runtime and numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ir_tests.coreml_packages import builder, close, draw, runtime, save
from mmc.backends.coreml.run import run

mb = builder()


@pytest.mark.parametrize("mode", ["update", "add", "mul", "max", "min"])
def test_scatters(tmp_path: Path, mode: str) -> None:
    x, u = draw(4, 3), draw(2, 3, seed=1)
    twice = mode != "update"
    pairs = np.array([[1, 2], [3, 0], [1, 2] if twice else [0, 0]], np.int32)
    inside = np.array([[0, 3, 1], [0 if twice else 2, 1, 2]], np.int32)

    def body(x: Any, u: Any) -> Any:
        values = mb.slice_by_index(x=u, begin=[0, 0], end=[1, 3], squeeze_mask=[True, False])
        return (
            mb.scatter_nd(data=x, indices=pairs, updates=values, mode=mode, name="nd"),
            mb.scatter_along_axis(
                data=x, indices=inside, updates=u, axis=0, mode=mode, name="along"
            ),
        )

    found = run(save(tmp_path, {"x": x, "u": u}, body, "iOS17"), {"x": x, "u": u})
    reduction = "none" if mode == "update" else mode
    nd = {"x": x, "i": pairs.astype(np.int64), "u": u[0]}
    close(found["nd"], runtime("ScatterND", nd, reduction=reduction))
    along = {"x": x, "i": inside.astype(np.int64), "u": u}
    close(found["along"], runtime("ScatterElements", along, axis=0, reduction=reduction))


@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_gru_and_rnn(tmp_path: Path, direction: str) -> None:
    x, h = draw(5, 2, 4), draw(2, 3, seed=1)
    wi, wh, b = (draw(9, n, seed=2 + n) for n in (4, 3, 1))

    def body(x: Any, h: Any) -> Any:
        given = {"x": x, "initial_h": h, "direction": direction, "output_sequence": True}
        gated, _ = mb.gru(weight_ih=wi, weight_hh=wh, bias=b[:, 0], **given)
        plain, _ = mb.rnn(weight_ih=wi[:3], weight_hh=wh[:3], bias=b[:3, 0], **given)
        return mb.identity(x=gated, name="gated"), mb.identity(x=plain, name="plain")

    def reordered(w: Any) -> Any:
        r, o, z = np.split(w, 3)
        return np.concatenate([z, r, o])[None]

    found = run(save(tmp_path, {"x": x, "h": h}, body, "iOS17"), {"x": x, "h": h})
    rest = {"l": np.full(2, 5, np.int32), "h": h[None]}
    bias = np.concatenate([reordered(b)[..., 0], np.zeros((1, 9), np.float32)], 1)
    gru = {"x": x, "w": reordered(wi), "r": reordered(wh), "b": bias} | rest
    wanted = runtime("GRU", gru, hidden_size=3, direction=direction)
    close(found["gated"], wanted[:, 0])
    bias = np.concatenate([b[:3, 0], np.zeros(3, np.float32)])[None]
    rnn = {"x": x, "w": wi[None, :3], "r": wh[None, :3], "b": bias} | rest
    close(found["plain"], runtime("RNN", rnn, hidden_size=3, direction=direction)[:, 0])


@pytest.mark.parametrize("start", [1.0, 5.0])
def test_branches_and_loops(tmp_path: Path, start: float) -> None:
    x = np.array([start], np.float32)

    def body(x: Any) -> Any:
        first = mb.squeeze(x=x)
        chosen = mb.cond(
            pred=mb.greater(x=first, y=2.0),
            _true_fn=lambda: mb.mul(x=first, y=3.0),
            _false_fn=lambda: mb.sub(x=first, y=1.0),
        )
        grown = mb.while_loop(
            _cond=lambda a: mb.less(x=a, y=20.0),
            _body=lambda a: mb.add(x=mb.mul(x=a, y=2.0), y=first),
            loop_vars=(first,),
        )
        return mb.identity(x=chosen, name="chosen"), mb.identity(x=grown, name="grown")

    grown = start
    while grown < 20:
        grown = 2 * grown + start
    found = run(save(tmp_path, {"x": x}, body, "iOS17"), {"x": x})
    assert float(found["chosen"]) == (3 * start if start > 2 else start - 1)
    assert float(found["grown"]) == grown


def test_reshape_like(tmp_path: Path) -> None:
    feeds = {"x": draw(6, 4), "r": draw(2, 3, 5), "s": draw(7, 4, seed=1)}

    def body(x: Any, r: Any, s: Any) -> Any:
        return mb.reshape_like(
            x=x,
            ref_tensors=(r, s),
            begins=(0, 1),
            ends=(2, 0),
            end_masks=(False, True),
            name="y",
        )

    found = run(save(tmp_path, feeds, body, "iOS17"), feeds)["y"]
    np.testing.assert_array_equal(found, feeds["x"].reshape(2, 3, 4))
