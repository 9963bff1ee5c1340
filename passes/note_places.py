"""Note on inputs what they index, before that is taken apart: drawn inputs are to be good ones."""

from __future__ import annotations

from dataclasses import dataclass

from mmc.ir import Model
from mmc.pass_manager import Pass
from mmc.verification.places import NOTE, places_of


@dataclass(frozen=True)
class NotePlaces(Pass):
    """Write to each input that indexes how far it may reach, and whether its entries may meet."""

    name = "note-places"

    def run(self, model: Model) -> int:
        """Return the number of notes; one that is there stays."""
        made = 0
        for value in model.graph.inputs:
            if NOTE not in value.metadata_props and (found := places_of(value)):
                value.metadata_props[NOTE] = found.to_text()
                made += 1
        return made
