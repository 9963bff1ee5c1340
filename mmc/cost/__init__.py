"""What an inference costs on a device: `estimate(workload, target)`.

A backend says what its program has to do (`Workload`), a TOML file a family what its devices do in
which time; docs/cost.md says how well that predicts.
"""

from mmc.cost.estimate import CostEstimate, OpCost, estimate
from mmc.cost.work import Sizes, Work, Workload, assumed

__all__ = ["CostEstimate", "OpCost", "Sizes", "Work", "Workload", "assumed", "estimate"]
