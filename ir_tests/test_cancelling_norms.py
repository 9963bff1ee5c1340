"""A variance as E[x²] - E[x]² cancels: its own numbers are the model's, so it is left as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from test_attention import model_of, optimized


def test_a_norm_of_a_cancelling_variance_is_no_layer_norm(tmp_path: Path) -> None:
    body = (
        "m = ReduceMean(x, last) s = Mul(x, x) a = ReduceMean(s, last) b = Mul(m, m)"
        " v = Sub(a, b) e = Add(v, eps) r = Sqrt(e) c = Sub(x, m) y = Div(c, r)"
    )
    known = {"last": np.array([-1]), "eps": np.float32(1e-3)}
    counts = optimized(model_of(body, "float[1,5,8]", "float[1,5,8]", **known), tmp_path)
    assert counts["LayerNormalization"] == 0
    assert counts["ReduceMean"] == 2
