"""A package that names the likeliest class: Core ML's classifier, besides the scores themselves.

With these two outputs an app, Vision and Xcode show names instead of numbers.
"""

from __future__ import annotations

import json
from math import prod
from typing import Any

from . import protos
from .program import Feature, Program
from .spec import text

LABEL, TABLE = "classLabel", "classLabel_probs"
"""The outputs, as Core ML's own tools call them: the name, and the scores by name."""


def add_classifier(program: Program, model: Any) -> None:
    """Add the likeliest class and a table of all to a Model message whose program has classes."""
    classes: list[str] = json.loads(program.metadata.get("classes", "[]"))
    scores = scores_of(program, classes)
    if scores is None or len(set(classes)) != len(classes):
        return
    label, table = names(program)
    block = model.mlProgram.functions["main"].block_specializations[program.opset]
    made = block.operations.add(type="classify")
    made.inputs["probabilities"].arguments.add(name=scores.var.name)
    listed(made.inputs["classes"].arguments.add().value, classes)
    text(made.attributes["name"], "classify")
    made.outputs.add(name=label).type.tensorType.dataType = protos.mil().DataType.STRING
    kind = made.outputs.add(name=table).type.dictionaryType
    kind.keyType.tensorType.dataType = protos.mil().DataType.STRING
    kind.valueType.tensorType.dataType = protos.mil().DataType.FLOAT64
    block.outputs.extend([label, table])
    describe(model.description, label, table)


def scores_of(program: Program, classes: list[str]) -> Feature | None:
    """Return the output with one float32 score a class, if there is one."""
    for feature in program.outputs:
        shape = feature.var.shape
        if feature.var.dtype == "fp32" and shape[-1] == prod(shape) == len(classes):
            return feature
    return None


def names(program: Program) -> tuple[str, str]:
    """Return names for both outputs that nothing else has."""
    taken = {var.name for op in program.operations for var in (*op.operands(), *op.outputs)}
    taken |= {feature.var.name for feature in (*program.inputs, *program.outputs)}
    ends = ("", *map(str, range(len(taken) + 1)))
    end = next(e for e in ends if not {LABEL + e, TABLE + e} & taken)
    return LABEL + end, TABLE + end


def listed(value: Any, classes: list[str]) -> None:
    """Fill in a list of strings."""
    value.type.listType.type.tensorType.dataType = protos.mil().DataType.STRING
    value.type.listType.length.constant.size = len(classes)
    for name in classes:
        text(value.immediateValue.list.values.add(), name)


def describe(description: Any, label: str, table: str) -> None:
    """Declare both outputs, and that the model is a classifier."""
    description.output.add(name=label).type.stringType.SetInParent()
    description.output.add(name=table).type.dictionaryType.stringKeyType.SetInParent()
    description.predictedFeatureName = label
    description.predictedProbabilitiesName = table
