"""Which operators a model may have: those of ONNX, of its own functions, and expandable ones."""

from __future__ import annotations

from collections.abc import Iterable

import onnx
from onnx import defs

from mmc.diagnostics import ModelError
from mmc.frontend.contrib import registry as contrib
from mmc.frontend.protos import all_nodes

GROUP_NORM = "export with the standard GroupNormalization, without an optimizer for GPUs"
STANDARD = "export with standard operators only, without a runtime's optimizer"
FOURIER = "export with the standard DFT (opset 17 and newer)"
UNFUSED = {
    "GroupNorm": GROUP_NORM,
    "SkipGroupNorm": GROUP_NORM,
    "Rfft": FOURIER,
    "Irfft": FOURIER,
    "PackedAttention": "export with padded sequences and a mask: com.microsoft.Attention",
    "PackedMultiHeadAttention": "export with padded sequences and a mask:"
    " com.microsoft.MultiHeadAttention",
}
"""How to have a model without those operators of ONNX Runtime that it runs on GPUs only."""
ON_GPUS = (
    "ONNX Runtime itself runs {} on GPUs only: there is nothing that an artifact could be"
    " compared with"
)


def check_operators(proto: onnx.ModelProto) -> None:
    """Refuse operators that neither ONNX nor the model defines, naming every such node (MMC110)."""
    versions = {o.domain if o.domain != "ai.onnx" else "": o.version for o in proto.opset_import}
    local = {(f.domain, f.name) for f in proto.functions}
    unknown: dict[str, list[str]] = {}
    for node in all_nodes(proto.graph):
        domain = "" if node.domain == "ai.onnx" else node.domain
        known = (node.domain, node.op_type) in local or (
            domain in versions and defs.has(node.op_type, max(versions[domain], 1), domain)
        )
        known = known or contrib.expansion_of(domain, node.op_type) is not None
        if not known:
            full = f"{domain}.{node.op_type}" if domain else node.op_type
            unknown.setdefault(full, []).append(node.name or (node.output or ["?"])[0])
    if unknown:
        listed = "; ".join(f"{op} ({_some(names)})" for op, names in unknown.items())
        what = f"operators that neither ONNX nor the model defines: {listed}"
        why, fix = _reason(unknown)
        raise ModelError("MMC110", "model", what, why=why, fix=fix)


def _reason(unknown: Iterable[str]) -> tuple[str, str]:
    """Return why operators are refused, and how to have a model without them."""
    listed = [op for op in unknown if op.removeprefix(f"{contrib.DOMAIN}.") in UNFUSED]
    hints = dict.fromkeys(UNFUSED[op.removeprefix(f"{contrib.DOMAIN}.")] for op in listed)
    why = ON_GPUS.format(", ".join(listed)) if listed else ""
    return why, "; ".join(hints) or STANDARD


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(repr(n) for n in names[:5]) + more
