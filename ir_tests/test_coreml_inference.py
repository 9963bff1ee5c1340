"""The evaluator's operators against what coremltools infers for constant inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ir_tests.coreml_packages import builder, draw, save, tools
from mmc.backends.coreml.run import run
from mmc.ir import Array

mb = builder()
INPUTS = {
    "x": draw(2, 3, 4, 4),
    "p": np.abs(draw(2, 3, 4, 4, seed=1)) + np.float32(0.1),
    "i": np.array([[5, -3, 2], [7, 1, -6]], np.int32),
    "j": np.array([[2, 2, -3], [3, -4, 4]], np.int32),
}
UNARY = (
    "abs acos asin atan ceil cos cosh erf exp exp2 floor round sign sin sinh square tan tanh "
    "relu relu6 sigmoid softplus softsign atanh"
).split()
BINARY = (
    "add sub mul real_div maximum minimum floor_div mod equal not_equal greater greater_equal "
    "less less_equal"
).split()
REDUCTIONS = (
    "reduce_l1_norm reduce_l2_norm reduce_log_sum reduce_log_sum_exp reduce_max reduce_mean "
    "reduce_min reduce_prod reduce_sum reduce_sum_square"
).split()
MODES = ("EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION")
Case = Callable[[Any, Any, Any, Any], Any]


def row(*values: int) -> Any:
    """Return constant integers."""
    return np.array(values, np.int32)


def cases() -> dict[str, Case]:
    """Return operations on the four inputs."""
    made: dict[str, Case] = {n: lambda x, p, i, j, n=n: getattr(mb, n)(x=x) for n in UNARY}
    made |= {n: lambda x, p, i, j, n=n: getattr(mb, n)(x=x, y=p) for n in BINARY}
    whole = "add sub mul maximum minimum floor_div mod equal less".split()
    made |= {f"int_{n}": lambda x, p, i, j, n=n: getattr(mb, n)(x=i, y=j) for n in whole}
    made |= {
        f"{n}_{keep}": lambda x, p, i, j, n=n, keep=keep: getattr(mb, n)(
            x=p, axes=[1, -1], keep_dims=keep
        )
        for n in REDUCTIONS
        for keep in (True, False)
    }
    made |= {f"gelu_{m}": lambda x, p, i, j, m=m: mb.gelu(x=x, mode=m) for m in MODES}
    return made | MORE


MORE: dict[str, Case] = {
    "sqrt": lambda x, p, i, j: mb.sqrt(x=p),
    "log": lambda x, p, i, j: mb.log(x=p, epsilon=0.5),
    "rsqrt": lambda x, p, i, j: mb.rsqrt(x=p, epsilon=0.5),
    "inverse": lambda x, p, i, j: mb.inverse(x=p, epsilon=0.5),
    "pow": lambda x, p, i, j: mb.pow(x=p, y=x),
    "clip": lambda x, p, i, j: mb.clip(x=x, alpha=-0.25, beta=0.5),
    "threshold": lambda x, p, i, j: mb.threshold(x=x, alpha=0.2),
    "elu": lambda x, p, i, j: mb.elu(x=x, alpha=0.7),
    "leaky_relu": lambda x, p, i, j: mb.leaky_relu(x=x, alpha=0.2),
    "linear_activation": lambda x, p, i, j: mb.linear_activation(x=x, alpha=2.0, beta=0.5),
    "prelu": lambda x, p, i, j: mb.prelu(x=x, alpha=np.array([0.1, 0.2, 0.3], np.float32)),
    "scaled_tanh": lambda x, p, i, j: mb.scaled_tanh(x=x, alpha=1.7, beta=0.6),
    "sigmoid_hard": lambda x, p, i, j: mb.sigmoid_hard(x=x, alpha=0.9, beta=0.4),
    "softplus_parametric": lambda x, p, i, j: mb.softplus_parametric(
        x=x, alpha=np.array([1, 2, 3], np.float32), beta=np.array([3, 1, 2], np.float32)
    ),
    "thresholded_relu": lambda x, p, i, j: mb.thresholded_relu(x=x, alpha=0.4),
    "clamped_relu": lambda x, p, i, j: mb.clamped_relu(x=x, alpha=0.2, beta=0.5),
    "softmax": lambda x, p, i, j: mb.softmax(x=x, axis=1),
    "select": lambda x, p, i, j: mb.select(cond=mb.greater(x=x, y=0.0), a=x, b=p),
    "logical": lambda x, p, i, j: mb.logical_xor(
        x=mb.logical_not(x=mb.greater(x=x, y=0.0)), y=mb.less(x=p, y=0.5)
    ),
    "cast": lambda x, p, i, j: mb.cast(x=mb.mul(x=x, y=9.0), dtype="int32"),
    "argmax": lambda x, p, i, j: mb.reduce_argmax(x=x, axis=-1, keep_dims=True),
    "argmin": lambda x, p, i, j: mb.reduce_argmin(x=x, axis=1),
    "cumsum": lambda x, p, i, j: mb.cumsum(x=x, axis=2, exclusive=True, reverse=True),
    "argsort": lambda x, p, i, j: mb.argsort(x=x, axis=1, ascending=True),
    "topk": lambda x, p, i, j: mb.topk(x=x, k=2, axis=-1, ascending=False)[0],
    "topk_least": lambda x, p, i, j: mb.topk(x=x, k=3, axis=2, ascending=True)[1],
    "matmul": lambda x, p, i, j: mb.matmul(x=x, y=p, transpose_y=True),
    "linear": lambda x, p, i, j: mb.linear(x=x, weight=draw(5, 4), bias=draw(5)),
    "einsum": lambda x, p, i, j: mb.einsum(
        values=(x, mb.transpose(x=p, perm=[0, 2, 3, 1])), equation="nchw,nwhu->nchu"
    ),
    "reshape": lambda x, p, i, j: mb.reshape(x=x, shape=[3, -1, 2]),
    "transpose": lambda x, p, i, j: mb.transpose(x=x, perm=[2, 0, 3, 1]),
    "expand_dims": lambda x, p, i, j: mb.expand_dims(x=i, axes=[0, 2]),
    "squeeze": lambda x, p, i, j: mb.squeeze(x=mb.expand_dims(x=i, axes=[0, 2]), axes=[2]),
    "flatten2d": lambda x, p, i, j: mb.flatten2d(x=x, axis=-2),
    "concat": lambda x, p, i, j: mb.concat(values=(x, p), axis=1),
    "interleave": lambda x, p, i, j: mb.concat(values=(x, p), axis=1, interleave=True),
    "stack": lambda x, p, i, j: mb.stack(values=(x, p), axis=-1),
    "split": lambda x, p, i, j: mb.split(x=x, split_sizes=[1, 2], axis=1)[1],
    "split_even": lambda x, p, i, j: mb.split(x=x, num_splits=2, axis=-1)[1],
    "slice": lambda x, p, i, j: mb.slice_by_index(
        x=x,
        begin=row(1, 2, -1, 1),
        end=row(2, 0, 0, 9),
        stride=row(1, -1, -2, 2),
        end_mask=[False, True, True, True],
        squeeze_mask=[True, False, False, False],
    ),
    "slice_size": lambda x, p, i, j: mb.slice_by_size(
        x=x, begin=row(0, 1, 2, 1), size=row(2, -1, 1, 3)
    ),
    "pad": lambda x, p, i, j: mb.pad(x=x, pad=row(1, 0, 2, 3), constant_val=7.0),
    "pad_reflect": lambda x, p, i, j: mb.pad(x=x, pad=row(1, 2, 2, 0), mode="reflect"),
    "pad_replicate": lambda x, p, i, j: mb.pad(x=x, pad=row(1, 2, 2, 0), mode="replicate"),
    "tile": lambda x, p, i, j: mb.tile(x=x, reps=row(1, 2, 1, 3)),
    "reverse": lambda x, p, i, j: mb.reverse(x=x, axes=[1, 3]),
    "reverse_sequence": lambda x, p, i, j: mb.reverse_sequence(
        x=x, lengths=row(2, 3), seq_axis=2, batch_axis=0
    ),
    "sliding_windows": lambda x, p, i, j: mb.sliding_windows(x=x, axis=2, size=2, stride=2),
    "band_part": lambda x, p, i, j: mb.band_part(x=x, lower=1, upper=0),
    "one_hot": lambda x, p, i, j: mb.one_hot(
        indices=mb.abs(x=j), one_hot_vector_size=6, axis=1, on_value=3, off_value=-1
    ),
    "shape": lambda x, p, i, j: mb.shape(x=x),
    "fill_like": lambda x, p, i, j: mb.fill_like(ref_tensor=x, value=2.5),
    "gather": lambda x, p, i, j: mb.gather(x=x, indices=row(2, 0), axis=1),
    "gather_batch": lambda x, p, i, j: mb.gather(
        x=x, indices=np.array([[1, 0], [2, 2]], np.int32), axis=1, batch_dims=1
    ),
    "gather_along": lambda x, p, i, j: mb.gather_along_axis(
        x=x, indices=np.abs(draw(2, 3, 4, 4) * 3).astype(np.int32), axis=2
    ),
    "gather_nd": lambda x, p, i, j: mb.gather_nd(
        x=x, indices=np.array([[0, 2], [1, 1], [1, 0]], np.int32)
    ),
    "fill": lambda x, p, i, j: mb.fill(shape=row(2, 3), value=1.5),
    "range": lambda x, p, i, j: mb.range_1d(start=3, end=17, step=4),
    "non_zero": lambda x, p, i, j: mb.non_zero(x=mb.greater(x=x, y=0.3)),
    "identity": lambda x, p, i, j: mb.identity(x=x),
}


def reversed_rows(x: Array, lengths: tuple[int, ...]) -> Array:
    """Return x with the first elements of axis 2 reversed, a number of them for each of axis 0."""
    return np.stack(
        [np.concatenate([a[:, :n][:, ::-1], a[:, n:]], 1) for a, n in zip(x, lengths, strict=True)]
    )


X, P = INPUTS["x"], INPUTS["p"]
LATER = np.flip(np.cumsum(np.flip(X, 2), 2), 2)
ONES = np.abs(INPUTS["j"])[:, None] == np.arange(6)[:, None]
WRITTEN: dict[str, Array] = {
    "cumsum": LATER - X,
    "interleave": np.stack([X, P], 2).reshape(2, 6, 4, 4),
    "reverse_sequence": reversed_rows(X, (2, 3)),
    "sliding_windows": np.stack([X[:, :, 0:2], X[:, :, 2:4]], 2),
    "one_hot": np.where(ONES, 3, -1),
    "gather_batch": np.stack([X[0, [1, 0]], X[1, [2, 2]]]),
    "gather_nd": X[[0, 1, 1], [2, 1, 0]],
}
"""What coremltools does not infer, or not by its own documentation (cumsum, interleave)."""


def inferred(case: Case) -> Any:
    """Return what coremltools infers when the inputs are constants, or None."""
    found: list[Any] = []

    @mb.program(input_specs=[mb.TensorSpec((1,))], opset_version=tools().target.iOS17)
    def _(_: Any) -> Any:
        var = case(*(mb.const(val=a.copy()) for a in INPUTS.values()))
        found.append(var.val)
        return var

    return found[0]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return all cases' results, out of one package."""

    def body(*given: Any) -> Any:
        return tuple(
            mb.identity(x=case(*given), name=f"case_{name}") for name, case in cases().items()
        )

    return run(save(tmp_path_factory.mktemp("all"), INPUTS, body, "iOS17"), INPUTS)


@pytest.mark.parametrize("name", list(cases()))
def test_operator_is_what_coremltools_infers(name: str, evaluated: dict[str, Any]) -> None:
    found = evaluated[f"case_{name}"]
    wanted = WRITTEN[name] if name in WRITTEN else inferred(cases()[name])
    assert wanted is not None
    assert found.shape == np.shape(wanted)
    if found.dtype.kind == "f":
        np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=2e-6)
    else:
        np.testing.assert_array_equal(found, wanted)
