"""One small model for every rule: where it fires, and where it must refuse, with the reason.

A case is ONNX text of a graph body over `x` and `z`, with constants by name from `weights`. The
cases of the rules in passes/rules/pads.py are in pads.py, and so on.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass

from cases.weights import WEIGHTS
from mmc.ir import Model, parse
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
    known: bool = True
    """Whether shapes are inferred before the rule sees the model."""

    def model(self) -> Model:
        """Return the model of this case, in working form with shapes."""
        text = (
            '<ir_version: 13, opset_import: ["" : 25]>\n'
            f"g ({self.x} x, {self.z or self.x} z) => ({self.y} y) {{ {self.body} }}"
        )
        words = set(self.body.replace(",", " ").replace("(", " ").replace(")", " ").split())
        model = parse(text, **{k: v for k, v in WEIGHTS.items() if k in words})
        if self.known:
            infer(model)
        return model


def find(name: str) -> Rule:
    """Return a rule by "stage/name", or by its name where only one stage has it."""
    (key,) = [k for k in RULES if name in (k, k.partition("/")[2])]
    return RULES[key]


def every() -> list[Case]:
    """Return the cases of all families."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    modules = [importlib.import_module(f"cases.{name}") for name in names]
    return [case for module in modules for case in getattr(module, "CASES", ())]
