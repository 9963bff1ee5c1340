"""Passes, rules and backends of other packages: what their entry points name (docs/plugins.md).

[project.entry-points."mmc.passes"]
anything = "their_package.passes"      # a module; importing it registers the passes in it
"""

from __future__ import annotations

from functools import cache
from importlib import import_module, metadata

from mmc.diagnostics import UsageError

GROUPS = ("mmc.passes", "mmc.rules", "mmc.backends")


@cache
def modules(group: str) -> dict[str, str]:
    """Return the entry points of a group: name -> module. Nothing is imported."""
    found = metadata.entry_points(group=group) if group else ()
    return {point.name: point.value for point in found}


def is_plugin(group: str, module: str) -> bool:
    """Say whether a module is one that an entry point of the group names, or is inside it."""
    return any(f"{module}.".startswith(f"{name}.") for name in modules(group).values())


def load(group: str) -> None:
    """Import every module of a group, so that it registers what is in it.

    Raises:
        UsageError: MMC013 when one cannot be imported, or registers a name that is taken.
    """
    for name, module in modules(group).items():
        try:
            import_module(module)
        except Exception as error:  # the code of others may raise anything
            raise UsageError(
                "MMC013",
                f"plugin {name!r} ({group})",
                f"the module {module} cannot be loaded",
                why=f"{type(error).__name__}: {error}",
                fix="mend or uninstall the package that has it; `mmc doctor` names it",
            ) from error


def installed() -> list[tuple[str, str, str]]:
    """Return what plugins there are: package and version, group, module."""
    return [
        (f"{point.dist.name} {point.dist.version}" if point.dist else "?", group, point.value)
        for group in GROUPS
        for point in metadata.entry_points(group=group)
    ]
