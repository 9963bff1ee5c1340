"""Cases of the rules in passes/rules/packed_projections.py."""

from cases import Case

F5 = "float[1,5,6]"
M5 = "float[5,4,6]"
BY_HEAD = "q = Transpose<perm = [1, 0, 2]>(x) k = Transpose<perm = [1, 0, 2]>(z)"
CASES = (
    Case("slice-of-transpose", "t = Transpose(x) y = Slice(t, i0, i3, i1, i1)"),
    Case("slice-of-transpose", "y = Slice(x, i0, i3, i2, i1)", "no part of a transpose"),
    Case(
        "slice-of-transpose",
        "t = Transpose(x) a = Slice(t, i0, i3, i1, i1) b = Slice(t, i1, i4, i1, i1) "
        "c = Add(a, b) d = ReduceMax(t, i1) y = Add(c, d)",
        "whole transpose",
    ),
    Case("split-of-transpose", "t = Transpose(x) a, b = Split<axis = 2>(t, parts) y = Mul(a, b)"),
    Case("split-of-transpose", "a, b = Split<axis = 1>(x, parts) y = Mul(a, b)", "no part"),
    Case(
        "split-of-split-axis",
        "r = Reshape(x, qkv) a, b, c = Split<axis = 2>(r, ones3) d = Mul(a, b) y = Mul(d, c)",
        x=F5,
    ),
    Case(
        "split-of-split-axis",
        "r = Reshape(x, qkv) a, b = Split<axis = 3>(r, ones2) y = Mul(a, b)",
        "does not split the last axis",
        x=F5,
    ),
    Case("split-of-split-axis", "a, b = Split<axis = 1>(x, parts) y = Mul(a, b)", "a reshape"),
    Case(
        "heads-between-reshapes",
        "a = Reshape(x, row4) b = Transpose<perm = [1, 0]>(a) y = Reshape(b, heads25)",
    ),
    Case(
        "heads-between-reshapes",
        "a = Reshape(x, row4) b = Transpose<perm = [1, 0]>(a) y = Reshape(b, square100)",
        "does not make heads",
    ),
    Case(
        "heads-between-reshapes",
        "a = Reshape(x, row4) b = Transpose<perm = [1, 0]>(a) y = Reshape(b, regrouped)",
        "regrouped",
    ),
    Case(
        "unit-axes-stay",
        "t = Transpose<perm = [2, 0, 1, 3]>(x) y = Reshape(t, row20)",
    ),
    Case("unit-axes-stay", "t = Transpose<perm = [0, 2, 1, 3]>(x) y = Reshape(t, row20)", "place"),
    Case(
        "scores-in-four-axes",
        "a = Reshape(x, merge3) b = Transpose<perm = [0, 2, 1]>(a) c = Reshape(z, merge3) "
        "s = MatMul(b, c) y = Reshape(s, same)",
    ),
    Case(
        "scores-in-four-axes",
        "a = Reshape(x, merge3) b = Relu(a) c = Reshape(z, merge3) s = MatMul(b, c) "
        "y = Reshape(s, same)",
        "by a reshape or a transpose",
    ),
    Case(
        "scores-in-four-axes",
        "a = Reshape(x, rows) b = Reshape(z, columns) s = MatMul(a, b) y = Reshape(s, four400)",
        "three axes a fourth",
    ),
    Case(
        "scores-in-four-axes",
        "a = Reshape(x, merge3) c = Reshape(z, merge3) s = MatMul(a, c) y = Reshape(s, back_four)",
        "split the first axis",
    ),
    Case(
        "heads-of-a-batch",
        f"{BY_HEAD} y = Attention<q_num_heads = 1, kv_num_heads = 1>(q, k, k, masks5)",
        x=M5,
    ),
    Case(
        "heads-of-a-batch",
        "q = Reshape(x, flat22) k = Reshape(z, flat22) "
        "y = Attention<q_num_heads = 1, kv_num_heads = 1>(q, k, k)",
        x="float[2,2,5,6]",
    ),
    Case("heads-of-a-batch", "y = Attention(x, z, z)", "several heads"),
    Case(
        "heads-of-a-batch",
        f"{BY_HEAD} y = Attention<q_num_heads = 1, kv_num_heads = 1>(q, k, k)",
        "has one head",
        x="float[5,1,6]",
    ),
    Case(
        "heads-of-a-batch",
        "y, k, v = Attention<q_num_heads = 1, kv_num_heads = 1>(x, z, z)",
        "another form",
        x="float[4,5,6]",
    ),
    Case(
        "heads-of-a-batch",
        f"{BY_HEAD} y = Attention<q_num_heads = 1, kv_num_heads = 1>(q, k, k, mask3)",
        "the same for all operands",
        x=M5,
    ),
    Case(
        "heads-of-a-batch",
        "y = Attention<q_num_heads = 1, kv_num_heads = 1>(x, z, z)",
        "not made by splitting heads",
        x="float[4,5,6]",
    ),
    Case(
        "split-of-split-axis",
        "r = Reshape(x, row4) a, b = Split<axis = 1>(r, parts25) c = Reshape(a, ten4) "
        "d = Reshape(b, sixty) e = Relu(c) f = ReduceMax<keepdims = 0>(d) y = Add(e, f)",
        x="float[1,4,25]",
    ),
    Case(
        "split-of-split-axis",
        "r = Reshape(x, row4) a, b = Split<axis = 1>(r, parts25) c = ReduceMax(b) y = Add(a, c)",
        "the last axis stays",
        x="float[1,4,25]",
    ),
)
