"""Operators of other domains, written as standard ONNX at load.

Those are ONNX Runtime's own (com.microsoft) and ONNX's classical machine learning (ai.onnx.ml).

A module of this package holds one family; an expansion is a function that gets a Builder and the
Call and returns the value, or the values, that stand for the node's outputs. What has no expansion
is refused with MMC110 before anything else happens; a classical one stays, so that the model can be
cut before it, and is refused with the same reason where it would be lowered (MMC201).
"""

from mmc.frontend.contrib.expansion import expand, spell
from mmc.frontend.contrib.registry import EXPANSIONS

__all__ = ["EXPANSIONS", "expand", "spell"]
