"""Parts of packed queries, keys and values, taken where they can be had at once (`attention`)."""

from __future__ import annotations

from functools import partial
from math import prod

from mmc.ir import Array, Node, Value, attrs, own_attrs, shape_of
from mmc.pass_manager import Contract
from mmc.passes.rules.reshapes import in_place, perm_of, transposed_once
from mmc.passes.rules.slices import ranges, slice_by
from mmc.pattern import Builder, NoMatch, const, maybe, op, rewrite

attend = partial(rewrite, stage="attention", contract=Contract.EXACT)


def transposed(t: Value) -> tuple[Node, Value]:
    """Return the Transpose that makes `t` and its operand, if nothing but its parts is used."""
    made = t.producer()
    if made is None or made.op_type != "Transpose" or made.inputs[0] is None:
        raise NoMatch("it is no part of a transpose")
    if t.is_graph_output() or any(u.node.op_type not in ("Slice", "Split") for u in t.uses()):
        raise NoMatch("the whole transpose is used too")
    return made, made.inputs[0]


@attend(op.Slice("t", "starts", "ends", "axes", "steps").named("n"))
def slice_of_transpose(out: Builder, t: Value, n: Node) -> Value:
    """transpose(x, p)[part]  ->  transpose(x[part], p), for a transpose of which parts are used."""
    made, x = transposed(t)
    perm = list(perm_of(made))
    spans = [(perm[axis], *rest) for axis, *rest in ranges(n)]
    return out.Transpose(slice_by(out, x, sorted(spans)), perm=perm)  # type: ignore[arg-type]


@attend(op.Split("t", maybe("sizes")).named("n"))
def split_of_transpose(out: Builder, t: Value, n: Node) -> tuple[Value, ...]:
    """split(transpose(x, p))  ->  transpose(part of x, p), for each part."""
    made, x = transposed(t)
    perm, axis = list(perm_of(made)), attrs(n)["axis"]
    parts, start = [], 0
    for value in n.outputs:
        stop = start + shape_of(value)[axis]
        parts.append(out.Transpose(slice_by(out, x, [(perm[axis], start, stop, 1)]), perm=perm))
        start = stop
    return tuple(parts)


@attend(op.Split("r", maybe("sizes")).named("n"))
def split_of_split_axis(out: Builder, r: Value, n: Node) -> tuple[Value, ...]:
    """split(reshape(x, (..., A, rest...)), of A)  ->  reshape(part of x), for each part."""
    made = r.producer()
    if made is None or made.op_type != "Reshape" or made.inputs[0] is None:
        raise NoMatch("it does not split a reshape")
    x, shape, axis = made.inputs[0], shape_of(r), attrs(n)["axis"]
    last = len(shape_of(x)) - 1
    if last < 0 or prod(shape[axis:]) != shape_of(x)[last]:
        raise NoMatch("the reshape does not split the last axis")
    readers = [u.node.op_type for v in n.outputs for u in v.uses()]
    if len(shape) == axis + 1 and any(r != "Reshape" for r in readers):
        raise NoMatch("the last axis stays, and the parts are not reshaped")
    rest, parts, start = shape_of(x)[last] // shape[axis], [], 0
    for value in n.outputs:
        stop = start + shape_of(value)[axis]
        part = slice_by(out, x, [(last, start * rest, stop * rest, 1)])
        parts.append(out.Reshape(part, list(shape_of(value))))
        start = stop
    return tuple(parts)


@attend(
    op.Reshape(op.Transpose(op.Reshape("x", const("inner"))).named("turn"), const("outer")).named(
        "result"
    )
)
def heads_between_reshapes(out: Builder, x: Value, inner: Array, turn: Node, result: Node) -> Value:
    """reshape(transpose(reshape(x)))  ->  transpose(reshape(x)) of four axes, where heads split."""
    if len(shape_of(result.outputs[0])) != 4:
        raise NoMatch("it does not make heads")
    return transposed_once(out, x, inner, turn, result)


@attend(op.Reshape(op.Transpose("x").named("turn"), const("shape")).named("result"))
def unit_axes_stay(out: Builder, x: Value, turn: Node, result: Node) -> Value:
    """reshape(transpose(x, p))  ->  the same with a p that leaves axes of size 1 in place."""
    shape, perm = shape_of(x), perm_of(turn)
    wanted = in_place([axis for axis in perm if shape[axis] != 1], len(perm))
    if tuple(wanted) == perm:
        raise NoMatch("they are in place")
    return out.Reshape(out.Transpose(x, perm=wanted), list(shape_of(result.outputs[0])))


@attend(op.Reshape(op.MatMul("a", "b").named("product"), const("shape")))
def scores_in_four_axes(out: Builder, a: Value, b: Value, product: Node, shape: Array) -> Value:
    """reshape(a b)  ->  reshape(a) reshape(b), where operands of three axes are made by moving.

    So batch and heads, which einsum exports as one axis, stay apart; the reshapes meet others.
    """
    wide = tuple(shape.tolist())
    makers = [v.producer() for v in (a, b)]
    if any(m is None or m.op_type not in ("Reshape", "Transpose") for m in makers):
        raise NoMatch("an operand is not made by a reshape or a transpose")
    if len(shape_of(a)) != 3 or len(shape_of(b)) != 3 or len(wide) != 4:
        raise NoMatch("it does not give three axes a fourth")
    if wide[2:] != shape_of(product.outputs[0])[1:] or shape_of(a)[0] != shape_of(b)[0]:
        raise NoMatch("it does more than split the first axis")
    split = [out.Reshape(v, [*wide[:2], *shape_of(v)[1:]]) for v in (a, b)]
    made: Value = out.MatMul(*split)
    return made


BATCHED = op.Attention("q", "k", "v", maybe("mask")).named("n")


@attend(BATCHED)
def heads_of_a_batch(
    out: Builder, q: Value, k: Value, v: Value, mask: Value | None, n: Node
) -> Value:
    """attention of one head, its batch (B H)  ->  attention of H heads, where moves made that.

    Shapes: q (B H, queries, size), as `torch.bmm` wants it.
    """
    if attrs(n).get("q_num_heads") != 1 or attrs(n)["kv_num_heads"] != 1:
        raise NoMatch("it has several heads")
    if len(shape_of(q)) != 3 or len(n.inputs) > 4 or len(n.outputs) > 1:
        raise NoMatch("its operands have another form")
    lead = {batch_and_heads(x) for x in (q, k, v)}
    if len(lead) > 1 or (mask is not None and len(shape_of(mask)) > 2):
        raise NoMatch("batch and heads are not the same for all operands")
    (batch, heads) = lead.pop()
    if heads == 1:
        raise NoMatch("the batch has one head")
    wide = [out.Reshape(x, [batch, heads, *shape_of(x)[1:]]) for x in (q, k, v)]
    given = {a: x for a, x in own_attrs(n).items() if "num_heads" not in a}
    y = out.node("Attention", wide + ([] if mask is None else [mask]), **given)
    first, length, size = shape_of(n.outputs[0])
    if batch > 1:
        return out.Reshape(y, [first, length, size])
    turned = out.Reshape(out.Transpose(y, perm=[0, 2, 1, 3]), [length, first, size])
    made: Value = out.Transpose(turned, perm=[1, 0, 2])
    return made


def batch_and_heads(x: Value) -> tuple[int, int]:
    """Return what the first axis of x (B H, length, size) was made of."""
    made = x.producer()
    source = made.inputs[0] if made is not None else None
    if made is not None and source is not None and made.op_type == "Reshape":
        wide = shape_of(source)
        if len(wide) == 4 and wide[2:] == shape_of(x)[1:]:
            return wide[0], wide[1]
    if made is not None and made.op_type == "Transpose":
        return 1, shape_of(x)[0]
    raise NoMatch(f"{x.name!r} is not made by splitting heads")
