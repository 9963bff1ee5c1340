"""Tree ensembles that classify: scores as those of trees that regress, and the label beside them.

What two classes mean where the leaves give to one is ONNX Runtime's; the standard leaves it open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmc.frontend.contrib.classical import classical, floats, labelled, labels_of, transformed
from mmc.frontend.contrib.registry import Call, NotExpandable
from mmc.frontend.contrib.trees import modes_of, scores_of, sums_of

if TYPE_CHECKING:
    from onnx_ir import Value


@classical("TreeEnsembleClassifier")
def tree_ensemble_classifier(out: Any, call: Call) -> Any:
    """scores as of the regressor, (N, classes);  label = that of the largest score."""
    names = ("classlabels_int64s", "classlabels_strings")
    classes = max(len(call.attributes.get(n, ())) for n in names)
    if classes == 2:
        return two_classes(out, call)
    scores = scores_of(out, call, "class", classes)
    return labelled(out, call, scores), transformed(out, call, scores)


def two_classes(out: Any, call: Call) -> Any:
    """Return label and scores of two classes, as ONNX Runtime has them.

    Leaves that give to one class only give s, and a single base value is added to that of class 0.
    Without negative weights the label is that of s > 0.5, else of s > 0; class 0's score is
    completed to (1 - s, s) or (-s, s), class 1's to (0, s).
    """
    used = {int(c) for c in call.attributes.get("class_ids", ())}
    base = floats(call, "base_values")
    if base.size and (used != {0} or base.size > 1):
        raise NotExpandable("runtimes differ on two classes with these base values")
    leaves = modes_of(call).count("LEAF")
    if len(call.attributes.get("class_ids", ())) != leaves * len(used):
        raise NotExpandable("two classes, and leaves that give to none of them")
    scores = sums_of(out, call, "class", 2)
    if len(used) != 1:
        if call.wants(0):
            raise NotExpandable("runtimes differ on the label of two classes: cut it off the model")
        return None, transformed(out, call, scores)
    column, positive = used.pop(), bool((floats(call, "class_weights") >= 0).all())
    score = out.Gather(scores, np.array([column], np.int64), axis=1)
    if base.size:
        score = out.Add(score, base)
    label = above(out, call, score, 0.5 if positive else 0.0) if call.wants(0) else None
    if column:
        return label, transformed(out, call, scores)
    return label, completed(out, call, score, positive)


def completed(out: Any, call: Call, score: Value, positive: bool) -> Value:
    """Return both scores where the leaves give that of the second one to class 0."""
    kind = call.get("post_transform", "NONE")
    if kind not in ("NONE", "LOGISTIC"):
        raise NotExpandable(f"post_transform {kind} of the score of one of two classes")
    sure = positive and kind == "NONE"
    other = out.Sub(np.float32(1), score) if sure else out.Neg(score)
    return transformed(out, call, out.node("Concat", [other, score], axis=1))


def above(out: Any, call: Call, score: Value, limit: float) -> Value:
    """Return the second label where score (N, 1) is above the limit, else the first: (N,)."""
    first, second = labels_of(call)
    larger = out.Greater(score, np.float32(limit))
    label: Value = out.Where(out.Squeeze(larger, np.array([1], np.int64)), second, first)
    return label
