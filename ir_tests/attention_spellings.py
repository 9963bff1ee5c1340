"""The ways in which attention is written: every choice of exporter and model, as ONNX text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from mmc.ir import Array

RNG = np.random.default_rng(3)
LENGTH = 5


def weight(*shape: int) -> Array:
    """Return a random weight, small enough that scores stay moderate."""
    return (RNG.standard_normal(shape) / np.sqrt(shape[0]) / 2).astype(np.float32)


@dataclass(frozen=True)
class Spelling:
    """One way to write an attention over x (batch, LENGTH, 8): options, and the lines they give."""

    batch: int
    heads: tuple[int, int]
    bias: bool
    mask: str
    scale: str
    keys: str

    @property
    def group(self) -> int:
        """The number of queries that share a key."""
        return self.heads[0] // self.heads[1]

    def text(self) -> str:
        """Return the body of the graph."""
        last = 6 if self.group > 1 else 3
        lines = [self.projected(n) for n in "qkv"]
        lines += [self.repeated(n) for n in ("kv" if self.group > 1 else "")]
        lines += [self.turned(last), *self.scores()]
        lines.append(f"p = Softmax(s3) o = MatMul(p, v{last})")
        lines.append("ot = Transpose<perm = [0, 2, 1, 3]>(o) y = Reshape(ot, so)")
        return " ".join(lines)

    def projected(self, n: str) -> str:
        """Project and split heads; keys may stay to be turned at once."""
        biased = f"Add({n}0, b{n})" if self.bias else f"Identity({n}0)"
        line = f"{n}0 = MatMul(x, w{n}) {n}1 = {biased} {n}2 = Reshape({n}1, s{n}) "
        if n == "k" and self.keys == "0231" and self.group == 1:
            return line
        return line + f"{n}3 = Transpose<perm = [0, 2, 1, 3]>({n}2)"

    def repeated(self, n: str) -> str:
        """Repeat heads that several queries share."""
        return f"{n}4 = Reshape({n}3, s5) {n}5 = Tile({n}4, tile) {n}6 = Reshape({n}5, s4)"

    def turned(self, last: int) -> str:
        """Transpose the keys."""
        if self.keys == "0231" and self.group == 1:
            return "kt = Transpose<perm = [0, 2, 3, 1]>(k2)"
        if self.keys == "flat":
            return (
                f"kf = Reshape(k{last}, f) kg = Transpose<perm = [0, 2, 1]>(kf) kt = Reshape(kg, g)"
            )
        return f"kt = Transpose<perm = [0, 1, 3, 2]>(k{last})"

    def scores(self) -> list[str]:
        """Multiply, scale and mask."""
        query = "Mul(q3, c)" if self.scale in ("query", "both") else "Identity(q3)"
        keys = "Mul(kt, c)" if self.scale == "both" else "Identity(kt)"
        after = {
            "scores": "s2 = Mul(s1, c)",
            "divided": "s2 = Div(s1, c)",
            "capped": "s7 = Div(s1, cap) s8 = Tanh(s7) s2 = Mul(cap, s8)",
        }.get(self.scale, "s2 = Identity(s1)")
        masked = {
            "": "Identity(s2)",
            "where": "Where(keep, s2, low)",
            "hidden": "Where(hide, none, s2)",
        }.get(self.mask, "Add(s2, m)")
        return [
            f"q4 = {query} kt2 = {keys}",
            f"s1 = MatMul(q4, kt2) {after} s3 = {masked}",
        ]

    def weights(self) -> dict[str, Array]:
        """Return the constants that the lines may name."""
        (query, kv), size = self.heads, 4
        found: dict[str, Array] = {}
        for n, count in (("q", query), ("k", kv), ("v", kv)):
            found |= {f"w{n}": weight(8, count * size), f"b{n}": weight(count * size)}
            found[f"s{n}"] = np.array([0, 0, count, size])
        keep = np.tri(LENGTH, dtype=bool)
        hidden = -np.inf if self.mask == "causal" else -1e9
        return found | {
            "s5": np.array([self.batch, kv, 1, LENGTH, size]),
            "tile": np.array([1, 1, self.group, 1, 1]),
            "s4": np.array([self.batch, query, LENGTH, size]),
            "f": np.array([self.batch * query, LENGTH, size]),
            "g": np.array([self.batch, query, size, LENGTH]),
            "c": np.float32(2.0 if self.scale == "divided" else 0.5),
            "m": np.where(keep, np.float32(0), np.float32(hidden)),
            "cap": np.float32(1.5),
            "keep": keep,
            "hide": ~keep,
            "none": np.float32(-np.inf),
            "low": np.float32(-1e9),
            "so": np.array([0, 0, query * size]),
        }


SPELLINGS = st.builds(
    Spelling,
    batch=st.integers(1, 2),
    heads=st.sampled_from([(2, 2), (4, 2), (4, 1)]),
    bias=st.booleans(),
    mask=st.sampled_from(["", "causal", "additive", "where", "hidden"]),
    scale=st.sampled_from(["none", "scores", "query", "both", "divided", "capped"]),
    keys=st.sampled_from(["0231", "swap", "flat"]),
)
