"""A variance as E[x²] - E[x]² cancels: its own numbers are the model's, so it is left as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_attention import model_of, optimized

from mmc.cli import main
from mmc.ir import save


def test_a_norm_of_a_cancelling_variance_is_no_layer_norm(tmp_path: Path) -> None:
    body = (
        "m = ReduceMean(x, last) s = Mul(x, x) a = ReduceMean(s, last) b = Mul(m, m)"
        " v = Sub(a, b) e = Add(v, eps) r = Sqrt(e) c = Sub(x, m) y = Div(c, r)"
    )
    known = {"last": np.array([-1]), "eps": np.float32(1e-3)}
    counts = optimized(model_of(body, "float[1,5,8]", "float[1,5,8]", **known), tmp_path)
    assert counts["LayerNormalization"] == 0
    assert counts["ReduceMean"] == 2


def test_the_reason_names_the_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What jax makes of a norm: the variance kept above zero, the scale over the deviation."""
    body = (
        "m = ReduceMean(x, last) s = Mul(x, x) a = ReduceMean(s, last) b = Mul(m, m)"
        " v = Sub(a, b) p = Relu(v) e = Add(p, eps) r = Sqrt(e) q = Div(g, r) c = Sub(x, m)"
        " y = Mul(c, q)"
    )
    known = {"last": np.array([-1]), "eps": np.float32(1e-3), "g": np.full(8, 2, np.float32)}
    save(model_of(body, "float[1,5,8]", "float[1,5,8]", **known), tmp_path / "m.onnx")
    assert main(["opt", str(tmp_path / "m.onnx"), "--explain", "layer-norm"]) == 0
    told = capsys.readouterr().out
    block = told.partition("layer-norm-of-quotient: 0 matched")[2].splitlines()
    assert "E[x²]" in block[1], "the nearest site is first"
