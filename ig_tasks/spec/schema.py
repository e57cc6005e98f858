"""The spec's JSON Schema, for editors and for checks outside Python."""

from __future__ import annotations

from typing import Any

from ig_tasks.spec.specification import ExplanationSpec


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a spec as it is written in YAML, short forms included."""
    schema = ExplanationSpec.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "ig-tasks explanation spec"
    properties = schema["properties"]
    # Set by the loader, never written in YAML.
    for field, definition in (("origin", "Origin"), ("overrides", "Override")):
        properties.pop(field, None)
        schema["$defs"].pop(definition, None)
    definitions = schema["$defs"]
    served = definitions["ModelSpec"]["properties"]["served"]
    served["anyOf"] = [{"type": "string"}, *served["anyOf"]]
    for field in ("model", "data", "baseline", "schedule"):
        properties[field] = _or_string(properties[field])
    for owner, field in (
        (schema, "tags"),
        (definitions["DataSpec"], "segments"),
        (definitions["ScheduleSpec"], "assets"),
    ):
        owner["properties"][field] = _or_string(owner["properties"][field])
    return schema


def _or_string(described: dict[str, Any]) -> dict[str, Any]:
    """The same, with a string as its short form; what describes the field stays beside it."""
    shape = {key: described[key] for key in ("$ref", "type", "items", "anyOf") if key in described}
    annotations = {key: value for key, value in described.items() if key not in shape}
    return {**annotations, "anyOf": [{"type": "string"}, *shape.get("anyOf", [shape])]}
