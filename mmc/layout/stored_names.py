"""Which tensors of a model are a tensor of the original in another axis order, by name."""

from __future__ import annotations

import json

from mmc.ir import Model
from mmc.layout.permutation import Perm, compose
from mmc.naming import FRESH

STORED = "mmc.stored"
"""Metadata of a model: {name: [name in the original, perm]}, as JSON."""

StoredNames = dict[str, tuple[str, Perm]]
"""name -> (original, p): the tensor called `name` is transpose(original, p)."""


def stored_names(model: Model) -> StoredNames:
    """Return what is known of the model's tensors; one that keeps its layout keeps its name."""
    known = json.loads(model.metadata_props.get(STORED, "{}"))
    return {name: (original, tuple(p)) for name, (original, p) in known.items()}


def remember(known: StoredNames, found: StoredNames) -> None:
    """Add tensors to those that are known; `original` may be one of these."""
    for name, (original, p) in found.items():
        root, q = known.get(original, (original, None))
        if FRESH not in root:  # else a rewrite made it, and the original has no such tensor
            known[name] = (root, compose(q, p) if q else p)


def write_names(model: Model, known: StoredNames) -> None:
    """Let the model say what is known of its tensors."""
    if known:
        model.metadata_props[STORED] = json.dumps(known)
