"""The arena that LiteRT's interpreter really lays out, read from its tensors' addresses.

In a process with the interpreter: it is C++ that can abort.
"""

from __future__ import annotations

import os

from .program import Program


def addresses(program: Program, path: str | os.PathLike[str], threads: int) -> dict[int, int]:
    """Return where each tensor of `program`, as read from `path`, lies, from the lowest on.

    No delegate takes part. Constants and the kernels' own scratch are left out, but scratch in the
    arena moves the tensors: with one thread convolutions unfold their input there, with more they
    do not.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=os.fspath(path),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        num_threads=threads,
    )
    interpreter.allocate_tensors()
    used = {index for _, index in program.inputs}.union(*(op.outputs for op in program.operators))
    found = {}
    for index in sorted(used):
        if program.tensors[index].data is None:
            found[index] = interpreter.tensor(index)().__array_interface__["data"][0]
    base = min(found.values(), default=0)
    return {index: address - base for index, address in found.items()}
