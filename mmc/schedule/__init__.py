"""Which order of operators needs the least memory, and where each tensor lies: plain data in, out.

A backend fills in a `Graph` of `Op`s; `schedule(graph)` gives the plan before and after.
"""

from mmc.schedule.graph import Graph, Op
from mmc.schedule.plan import MemoryPlan, Schedule, planned, schedule
from mmc.schedule.sides import fewest_parts, parts

__all__ = [
    "Graph",
    "MemoryPlan",
    "Op",
    "Schedule",
    "fewest_parts",
    "parts",
    "planned",
    "schedule",
]
