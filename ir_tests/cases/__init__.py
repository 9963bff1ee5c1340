"""One small model for every rule: where it fires, and where it must refuse, with the reason.

A case is ONNX text of a graph body over `x` and `z`, with constants by name from `weights`. The
cases of the rules in passes/rules/pads.py are in pads.py, and so on.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass
from functools import cache

import onnx.printer

from cases.weights import WEIGHTS
from mmc import opset
from mmc.ir import Model, parse
from mmc.passes import substitute_gelu
from mmc.pattern import RULES, Rule
from mmc.shapes import infer


@dataclass(frozen=True)
class Case:
    """A graph body for the rule called `rule`, and for a refusal, a part of the reason."""

    rule: str
    body: str
    why: str = ""
    x: str = "float[1,4,5,5]"
    y: str = "float"
    z: str = ""
    """The type of z; that of x if it is not given."""

    def model(self) -> Model:
        """Return the model of this case, in working form with shapes."""
        text = (
            '<ir_version: 13, opset_import: ["" : 25, "mmc" : 1]>\n'
            f"g ({self.x} x, {self.z or self.x} z) => ({self.y} y) {{ {self.body} }}"
        )
        words = set(self.body.replace(",", " ").replace("(", " ").replace(")", " ").split())
        for name in sorted(set(re.findall(r"mmc\.(\w+)", self.body))):
            text += "\n" + onnx.printer.to_text(opset.function_proto(name))
        model = parse(text, **{k: v for k, v in WEIGHTS.items() if k in words})
        infer(model)
        return model


@cache
def find(name: str) -> Rule:
    """Return a rule by "stage/name", or by its name where only one stage has it."""
    found = [RULES[k] for k in RULES if name in (k, k.partition("/")[2])]
    (rule,) = found or [r for r in SUBSTITUTES if r.name == name]
    return rule


SUBSTITUTES = tuple(substitute_gelu.FORMS.values())
"""Rules of a pass that applies its own."""


def every() -> list[Case]:
    """Return the cases of all families."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"cases.{name}") for name in names]
    return [case for module in modules for case in getattr(module, "CASES", ())]
