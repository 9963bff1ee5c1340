"""ONNX Runtime's own operators (domain com.microsoft), written as standard ONNX at load.

A module of this package holds one family; an expansion is a function that gets a Builder and the
Call and returns the value, or the values, that stand for the node's outputs. What has no expansion
is refused with MMC110 before anything else happens.
"""

from mmc.frontend.contrib.expansion import expand, spell
from mmc.frontend.contrib.registry import EXPANSIONS

__all__ = ["EXPANSIONS", "expand", "spell"]
