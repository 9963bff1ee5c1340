"""Einstein sums, by transposes and one product per pair of operands."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from mmc.ir import Node, Value, attrs, constant, shape_of
from mmc.pattern import Builder, NoMatch, maybe, op, rewrite


@dataclass(frozen=True)
class Term:
    """A value whose axes are labelled; what a rule has just made has no shape of its own yet."""

    value: Value
    labels: str
    shape: tuple[int, ...]

    def sizes(self, labels: str) -> list[int]:
        """Return the sizes of some labels' axes."""
        known = dict(zip(self.labels, self.shape, strict=True))
        return [known[label] for label in labels]


@rewrite(op.Einsum("a", maybe("b"), maybe("c"), maybe("d")).named("n"), stage="decompose")
def einsum(out: Builder, a: Value, n: Node) -> Value:
    """einsum(…, a, b, …)  ->  matmul((batch, rows, summed), (batch, summed, columns)), in turn."""
    return by_products(out, n)


@rewrite(op.Einsum("a", "b").named("n"), stage="attention")
def einsum_of_attention(out: Builder, n: Node) -> Value:
    """einsum(a, b)  ->  its product, where it makes scores, or takes what a softmax made."""
    makers = [v.producer() for v in n.inputs if v is not None]
    taken = any(m is not None and m.op_type == "Softmax" for m in makers)
    if not taken and not leads_to_softmax(n.outputs[0]):
        raise NoMatch("it is no product of attention")
    return by_products(out, n)


def leads_to_softmax(value: Value) -> bool:
    """Say whether a value is scaled and masked on its only way to a softmax."""
    while len(readers := [u.node for u in value.uses()]) == 1:
        if readers[0].op_type not in ("Mul", "Add", "Where"):
            return readers[0].op_type == "Softmax"
        value = readers[0].outputs[0]
    return False


def by_products(out: Builder, n: Node) -> Value:
    """Record an Einsum as transposes and products."""
    values = [v for v in n.inputs if v is not None]
    spelled, result = equation(attrs(n)["equation"], [len(shape_of(v)) for v in values])
    given = zip(values, spelled, strict=True)
    terms = [diagonal(out, Term(v, t, shape_of(v))) for v, t in given]
    total = terms[0]
    for index, term in enumerate(terms[1:], 2):
        total = multiply(out, total, term, result + "".join(t.labels for t in terms[index:]))
    return arrange(out, summed(out, total, result), result).value


def equation(text: str, ranks: list[int]) -> tuple[list[str], str]:
    """Return the labels of every operand and of the result; an ellipsis becomes free labels."""
    left, arrow, right = text.replace(" ", "").partition("->")
    terms = left.split(",")
    hidden = [r - len(t.replace("...", "")) for r, t in zip(ranks, terms, strict=True)]
    dots = "".join(chr(0x3B1 + i) for i in range(max(hidden)))
    if not arrow:
        once = sorted(c for c in set(left) - set(",.") if left.count(c) == 1)
        right = "..." * ("..." in left) + "".join(once)
    spelled = [t.replace("...", dots[len(dots) - h :]) for t, h in zip(terms, hidden, strict=True)]
    return spelled, right.replace("...", dots)


def diagonal(out: Builder, a: Term) -> Term:
    """Return a term of which no label stands twice: a[.., i, i]  ->  flat(a)[.., ::size + 1]."""
    for label in dict.fromkeys(a.labels):
        places = [i for i, c in enumerate(a.labels) if c == label]
        if len(places) == 1:
            continue
        size, rest = a.shape[places[0]], a.labels.replace(label, "")
        if any(a.shape[i] != size for i in places):
            raise NoMatch(f"the label {label!r} stands for axes of different sizes")
        others = [i for i in range(len(a.labels)) if i not in places]
        shape, flat = [a.shape[i] for i in others], size ** len(places)
        behind = out.Reshape(out.Transpose(a.value, perm=others + places), [*shape, flat])
        step = sum(size**power for power in range(len(places)))
        cut = out.Slice(behind, [0], [flat], [len(shape)], [step])
        a = Term(cut, rest + label, (*shape, size))
    return a


def multiply(out: Builder, a: Term, b: Term, needed: str) -> Term:
    """Return the product of two terms, summed over the labels that nothing needs any more.

    A constant is what is multiplied by, and without batches it has two axes: a layer's weight.
    """
    if constant(a.value) is not None and constant(b.value) is None:
        a, b = b, a
    a, b = (drop_ones(out, x, y) for x, y in ((a, b), (b, a)))
    a, b = summed(out, a, b.labels + needed), summed(out, b, a.labels + needed)
    shared = [c for c in a.labels if c in b.labels]
    batch = "".join(c for c in shared if c in needed)
    inner = "".join(c for c in shared if c not in needed)
    rows = "".join(c for c in a.labels if c not in shared)
    columns = "".join(c for c in b.labels if c not in shared)
    count, k = prod(a.sizes(batch)), prod(a.sizes(inner))
    left = arrange(out, a, batch + rows + inner)
    right = arrange(out, b, batch + inner + columns)
    front = [count] if batch else []
    left_value = out.Reshape(left.value, [*front, prod(a.sizes(rows)), k])
    right_value = out.Reshape(right.value, [*front, k, prod(b.sizes(columns))])
    product = out.node("MatMul" if inner else "Mul", [left_value, right_value])
    shape = (*a.sizes(batch + rows), *b.sizes(columns))
    return Term(out.Reshape(product, np.array(shape, np.int64)), batch + rows + columns, shape)


def drop_ones(out: Builder, a: Term, b: Term) -> Term:
    """Drop the axes of size 1 that broadcast against the same label of `b`."""
    other = dict(zip(b.labels, b.shape, strict=True))
    kept = "".join(
        c
        for c, size in zip(a.labels, a.shape, strict=True)
        if size == other.get(c, size) or size > 1
    )
    shape = tuple(a.sizes(kept))
    return (
        a
        if kept == a.labels
        else Term(out.Reshape(a.value, np.array(shape, np.int64)), kept, shape)
    )


def summed(out: Builder, a: Term, needed: str) -> Term:
    """Sum over the axes whose label is not needed."""
    axes = [i for i, c in enumerate(a.labels) if c not in needed]
    if not axes:
        return a
    kept = "".join(c for c in a.labels if c in needed)
    return Term(out.ReduceSum(a.value, axes, keepdims=0), kept, tuple(a.sizes(kept)))


def arrange(out: Builder, a: Term, labels: str) -> Term:
    """Permute the axes into the order of `labels`."""
    perm = [a.labels.index(c) for c in labels]
    if perm == list(range(len(perm))):
        return a
    return Term(out.Transpose(a.value, perm=perm), labels, tuple(a.sizes(labels)))
