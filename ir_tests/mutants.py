"""Bugs made by rule: small changes of a module's source that people make by mistake."""

from __future__ import annotations

import ast
from collections.abc import Iterator

COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}
ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "+",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.Mod: "//",
}


def mutants(source: str) -> Iterator[tuple[str, str, str]]:
    """Yield (old text, new text, description); the old text is made unique by whole lines."""
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        for start, end, new, bug in changes(node, source):
            first, last = start[0] - 1, end[0] - 1
            old = "".join(lines[first : last + 1])
            made = lines[first][: start[1]] + new + lines[last][end[1] :]
            before = lines[first - 1] if first and source.count(old) > 1 else ""
            if source.count(before + old) == 1 and old != made:
                yield before + old, before + made, f"line {start[0]}: {bug}"


Change = tuple[tuple[int, int], tuple[int, int], str, str]


def changes(node: ast.AST, source: str) -> Iterator[Change]:
    """Yield the changes of one syntax node: where from, where to, the text, what it is."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        sign = COMPARE[type(node.ops[0])]
        new = f"{text(node.left)} {sign} {text(node.comparators[0])}"
        yield *span(node), f"({new})", f"{text(node)} -> {new}"
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        new = f"{text(node.left)} {ARITHMETIC[type(node.op)]} {text(node.right)}"
        yield *span(node), f"({new})", f"{text(node)} -> {new}"
    elif isinstance(node, ast.BoolOp):
        word = " or " if isinstance(node.op, ast.And) else " and "
        new = word.join(f"({text(v)})" for v in node.values)
        yield *span(node), f"({new})", f"{text(node)} -> {new}"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield *span(node), text(node.operand), f"{text(node)} -> {text(node.operand)}"
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield *span(node), str(node.value + 1), f"{node.value} -> {node.value + 1}"
    elif isinstance(node, ast.If) and any(isinstance(s, ast.Raise) for s in node.body):
        yield *span(node.test), "False", f"no refusal: {text(node.test)}"
    elif isinstance(node, ast.Call):
        yield from call_changes(node)


def call_changes(node: ast.Call) -> Iterator[Change]:
    """Yield a call with two operands swapped, or without an attribute."""
    name = text(node.func)
    if not name.startswith("out."):
        return
    if len(node.args) >= 2 and not any(isinstance(a, ast.Starred) for a in node.args):
        a, b, *rest = node.args
        again = ast.Call(node.func, [b, a, *rest], node.keywords)
        yield *span(node), text(again), f"{name}: operands swapped"
    for keyword in node.keywords:
        if keyword.arg:
            kept = [k for k in node.keywords if k is not keyword]
            again = ast.Call(node.func, node.args, kept)
            yield *span(node), text(again), f"{name}: without {keyword.arg}"


def span(node: ast.expr) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return where a node's text begins and ends (ASCII columns)."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def text(node: ast.AST) -> str:
    """Return the source of a node, on one line."""
    return ast.unparse(node)
