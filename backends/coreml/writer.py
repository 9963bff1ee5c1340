"""Write an .mlpackage: a folder of a manifest, the model and its weights, the same bytes always."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

from mmc.diagnostics import EmitError
from mmc.staging import staged

from .classes import add_classifier
from .program import Program
from .spec import to_spec
from .weights import WeightFile

AUTHOR = "com.apple.CoreML"
MODEL = f"{AUTHOR}/model.mlmodel"
WEIGHTS = f"{AUTHOR}/weights"
ITEMS = {
    MODEL: ("model.mlmodel", "CoreML Model Specification"),
    WEIGHTS: ("weights", "CoreML Model Weights"),
}


def write(program: Program, path: Path) -> None:
    """Write `program` to `path`; no half-written package is ever seen under that name.

    Raises:
        EmitError: MMC401 when it cannot be written.
    """
    try:
        with staged(path) as made:
            fill(program, made)
    except OSError as error:
        why = error.strerror or str(error)
        raise EmitError("MMC401", str(path), "cannot be written", why=why) from error


def fill(program: Program, folder: Path) -> None:
    """Write the files of a package."""
    data = folder / "Data"
    (data / WEIGHTS).mkdir(parents=True)
    with open(data / WEIGHTS / "weight.bin", "w+b") as file:
        weights = WeightFile(file)
        spec = to_spec(program, weights)
        add_classifier(program, spec)
        weights.close()
    (data / MODEL).write_bytes(spec.SerializeToString(deterministic=True))
    (folder / "Manifest.json").write_text(json.dumps(manifest(), indent=4) + "\n")


def manifest() -> dict[str, object]:
    """Return the list of the package's items; identifiers depend on the paths only."""
    entries = {
        str(uuid.uuid5(uuid.NAMESPACE_URL, path)): {
            "author": AUTHOR,
            "description": description,
            "name": name,
            "path": path,
        }
        for path, (name, description) in ITEMS.items()
    }
    return {
        "fileFormatVersion": "1.0.0",
        "itemInfoEntries": entries,
        "rootModelIdentifier": str(uuid.uuid5(uuid.NAMESPACE_URL, MODEL)),
    }
