"""The JSON Schema of the report, from its dataclasses: `python -m mmc.reports.schema`."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from mmc.reports.compile_report import CompileReport

PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def schema_of(kind: Any) -> dict[str, Any]:
    """Return the schema of a type: a dataclass, list, dict, union or plain type."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        names = [f.name for f in fields(kind)]
        properties = {name: schema_of(hints[name]) for name in names}
        return {"type": "object", "properties": properties, "required": names}
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is list:
        return {"type": "array", "items": schema_of(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(arguments[1])}
    if origin in (Union, UnionType):
        return {"anyOf": [schema_of(a) for a in arguments]}
    return {"type": PLAIN[kind]} if kind in PLAIN else {}


def from_json(kind: Any, data: Any) -> Any:
    """Return the dataclass, list, dict or plain value of a type that became this JSON."""
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        return kind(**{f.name: from_json(hints[f.name], data[f.name]) for f in fields(kind)})
    origin, arguments = get_origin(kind), get_args(kind)
    if data is None or origin is None:
        return data
    if origin is list:
        return [from_json(arguments[0], item) for item in data]
    if origin is dict:
        return {key: from_json(arguments[1], item) for key, item in data.items()}
    inner = [a for a in arguments if a is not type(None)]
    return from_json(inner[0], data) if origin in (Union, UnionType) else data


def report_schema() -> dict[str, Any]:
    """Return the schema of a compile report."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mmc compile report",
        **schema_of(CompileReport),
    }


if __name__ == "__main__":
    print(json.dumps(report_schema(), indent=2))
