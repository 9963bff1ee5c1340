"""A registry whose entries are found by being there: one new file adds one thing."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from importlib import import_module
from typing import Generic, TypeVar

from mmc import plugins

T = TypeVar("T")


class Registry(Generic[T]):
    """Names and their objects; `package` is imported, module by module, at the first look-up.

    So are the modules of other packages that entry points of `group` name, where there is one.
    """

    def __init__(self, kind: str, package: str, group: str = "") -> None:
        self.kind = kind
        self.package = package
        self.group = group
        self._entries: dict[str, T] = {}
        self._loaded = False

    def add(self, name: str, entry: T) -> T:
        """Register `entry`; raises ValueError when the name is taken by another entry."""
        if self._entries.setdefault(name, entry) is not entry:
            raise ValueError(f"{self.kind} {name!r} is registered twice")
        return entry

    def decorator(self, name: str) -> Callable[[T], T]:
        """Return a decorator that registers what it decorates under `name`."""
        return lambda entry: self.add(name, entry)

    def takes(self, module: str) -> bool:
        """Say whether what is defined in a module is registered: in the package, or a plugin."""
        return module.startswith(self.package + ".") or plugins.is_plugin(self.group, module)

    def get(self, name: str) -> T | None:
        """Return the entry, or None."""
        self._load()
        return self._entries.get(name)

    def __getitem__(self, name: str) -> T:
        entry = self.get(name)
        if entry is None:
            raise KeyError(name)
        return entry

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        self._load()
        return len(self._entries)

    def close_to(self, name: str) -> list[str]:
        """Return registered names that resemble `name`, best first."""
        return get_close_matches(name, list(self), n=3)

    def _load(self) -> None:
        if self._loaded:
            return
        package = import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__, self.package + "."):
            if not module.ispkg:
                import_module(module.name)
        self._loaded = True
        plugins.load(self.group)
