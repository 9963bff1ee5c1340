"""Compute a function of a saved package, operation by operation.

`float32` computes in float32 whatever the program declares. `float16` rounds every result that
the program declares as float16 to that type, as the engine's data path does: overflow becomes
infinite here too. Sums are accumulated in float32 in both.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from mmc.diagnostics import EmitError

from .blob import read_blob
from .mil import STORED, Array, Blob, Block, Function, Named, Operation, Reference, Type
from .operator import OPERATORS, Context, Operator, UnsupportedError

PRECISIONS = ("float32", "float16")
SEVERAL = frozenset("values loop_vars ref_tensors begins ends end_masks".split())
"""The parameters that take any number of values."""
MOST_STEPS = 100_000
"""Rounds of a loop before it counts as endless."""


class Evaluator:
    """Runs functions whose weights lie in `folder`.

    Args:
        keep: names of inner values that stay in `kept`.
        unpacked: where constants and unpacked weights stay from call to call, by name; else they
            are read anew each time.
    """

    def __init__(
        self,
        folder: Path,
        opset: int,
        precision: str,
        keep: frozenset[str] = frozenset(),
        unpacked: dict[str, list[Any]] | None = None,
    ) -> None:
        self.folder, self.opset = folder, opset
        self.half = precision == "float16"
        self.keep = keep
        self.kept: dict[str, Array] = {}
        self.unpacked = unpacked

    def call(self, function: Function, feeds: Mapping[str, Array]) -> dict[str, Any]:
        """Return the function's outputs by name."""
        given = {v.name: self.store(feeds[v.name], v.type) for v in function.inputs}
        found = self.block(function.body, given)
        return dict(zip(function.body.outputs, found, strict=True))

    def block(self, block: Block, values: dict[str, Any]) -> list[Any]:
        """Return a block's outputs; values are dropped after their last use."""
        left = Counter(name for op in block.operations for name in uses(op))
        left.update(block.outputs)
        local: set[str] = set()
        for op in block.operations:
            results = self.constant(op, values) if is_constant(op) else self.operation(op, values)
            for made, value in named(op, results):
                values[made.name] = value
                local.add(made.name)
                if made.name in self.keep:
                    self.kept[made.name] = value
            for name in uses(op):
                left[name] -= 1
                if not left[name] and name in local:
                    del values[name]
        if missing := [name for name in block.outputs if name not in values]:
            raise EmitError("MMC423", "the program", f"returns {missing[0]!r}, which is undefined")
        return [values[name] for name in block.outputs]

    def constant(self, op: Operation, values: dict[str, Any]) -> list[Any]:
        """Return the results of an operation that has the same in every call."""
        if self.unpacked is None or not op.outputs:
            return self.operation(op, values)
        name = op.outputs[0].name
        if name not in self.unpacked:
            self.unpacked[name] = self.operation(op, values)
        return self.unpacked[name]

    def operation(self, op: Operation, values: dict[str, Any]) -> list[Any]:
        """Return an operation's results, rounded."""
        if op.kind == "const":
            if "val" not in op.attributes:
                raise EmitError("MMC423", op.where, "has no value")
            return [self.literal(op.attributes["val"])]
        if op.kind in ("cond", "while_loop"):
            return self.control(op, values)
        if op.kind in ("read_state", "write_state"):
            return self.state(op, values)
        results = self.compute(op, self.arguments(op, values))
        return [self.store(value, made.type) for made, value in named(op, results)]

    def compute(self, op: Operation, arguments: dict[str, Any]) -> tuple[Any, ...]:
        """Return what the operator's function returns, as a tuple."""
        function = OPERATORS.get(op.kind)
        if function is None:
            near = ", ".join(OPERATORS.close_to(op.kind))
            why = "mmc's evaluator of Core ML has no such operator"
            raise EmitError("MMC422", op.where, "is not known", why=why, fix=near)
        names, context = signature(function)
        if context:
            arguments["context"] = Context(self.opset, tuple(o.type for o in op.outputs))
        if wrong := set(arguments) - names:
            raise EmitError("MMC423", op.where, f"has unknown inputs {', '.join(sorted(wrong))}")
        try:
            with np.errstate(all="ignore"):
                results = function(**arguments)
        except (ValueError, IndexError, TypeError, KeyError, UnsupportedError) as error:
            raise EmitError("MMC423", op.where, "cannot be computed", why=str(error)) from error
        return results if isinstance(results, tuple) else (results,)

    def arguments(self, op: Operation, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the operation's inputs by name; weights of compressed ones are attributes."""
        found = {k: self.literal(v) for k, v in op.attributes.items() if k != "name"}
        for name, operands in op.inputs.items():
            given = tuple(self.operand(o, values) for o in self.defined(op, operands, values))
            if name not in SEVERAL and len(given) != 1:
                raise EmitError("MMC423", op.where, f"has {len(given)} values for {name}, not 1")
            found[name] = given if name in SEVERAL else given[0]
        return found

    @staticmethod
    def defined(op: Operation, operands: tuple[Any, ...], values: Mapping[str, Any]) -> Any:
        """Return the operands; raises EmitError MMC423 for one that nothing defines before."""
        for operand in operands:
            if isinstance(operand, Reference) and operand.name not in values:
                raise EmitError("MMC423", op.where, f"reads {operand.name!r}, which is not defined")
        return operands

    def operand(self, operand: Any, values: Mapping[str, Any]) -> Any:
        """Return the value of an operand."""
        return values[operand.name] if isinstance(operand, Reference) else self.literal(operand)

    def literal(self, value: Any) -> Any:
        """Return a constant; floats as float32."""
        if isinstance(value, Blob):
            value = read_blob(self.folder, value)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            return value.astype(np.float32, copy=False)
        return value

    def store(self, value: Any, kind: Type) -> Any:
        """Return a result as its declared type holds it."""
        if not isinstance(value, (np.ndarray, np.generic)) or kind.kind not in STORED:
            return value
        declared = STORED[kind.kind]
        if declared.kind != "f":
            return np.asarray(value).astype(declared, copy=False)
        value = np.asarray(value)
        if kind.kind == "FLOAT16" and self.half:
            with np.errstate(over="ignore", invalid="ignore"):
                value = value.astype(np.float16)
        return value.astype(np.float32, copy=False)

    def state(self, op: Operation, values: dict[str, Any]) -> list[Any]:
        """Return what a state holds, or let it hold something from here on."""
        found, held = self.arguments(op, values), op.inputs.get("input", ())
        if len(held) != 1 or not isinstance(held[0], Reference):
            raise EmitError("MMC423", op.where, "has no state")
        if op.kind == "write_state":
            if "data" not in found:
                raise EmitError("MMC423", op.where, "has no data")
            values[held[0].name] = found["data"]
            return []
        return [self.store(found["input"], made.type) for made in op.outputs]

    def control(self, op: Operation, values: dict[str, Any]) -> list[Any]:
        """Return the results of a branch or a loop."""
        if op.kind == "cond":
            pred = self.arguments(op, values)["pred"]
            return self.block(op.blocks[0 if np.all(pred) else 1], dict(values))
        state = list(self.arguments(op, values)["loop_vars"])
        condition, body = op.blocks
        for _ in range(MOST_STEPS):
            if not np.all(self.block(condition, values | bind(condition, state))[0]):
                return state
            state = self.block(body, values | bind(body, state))
        raise EmitError("MMC423", op.where, f"takes more than {MOST_STEPS} rounds")


def named(op: Operation, results: Sequence[Any]) -> Iterator[tuple[Named, Any]]:
    """Return each result with its definition; raises EmitError MMC423 unless all have one."""
    if len(results) != len(op.outputs):
        raise EmitError("MMC423", op.where, f"has {len(op.outputs)} results, not {len(results)}")
    return zip(op.outputs, results, strict=True)


def is_constant(op: Operation) -> bool:
    """Say whether an operation reads nothing but weights."""
    return op.kind == "const" or op.kind.startswith("constexpr_")


def bind(block: Block, state: list[Any]) -> dict[str, Any]:
    """Return a block's inputs by name."""
    return {v.name: value for v, value in zip(block.inputs, state, strict=True)}


def uses(op: Operation) -> Iterator[str]:
    """Yield the names that an operation reads, also inside its blocks."""
    for operands in op.inputs.values():
        yield from (o.name for o in operands if isinstance(o, Reference))
    for block in op.blocks:
        for inner in block.operations:
            yield from uses(inner)
        yield from block.outputs


@cache
def signature(function: Operator) -> tuple[set[str], bool]:
    """Return the names of an operator's parameters, and whether it wants the context."""
    names = set(inspect.signature(function).parameters)
    return names, "context" in names
