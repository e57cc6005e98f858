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
    properties.pop("origin", None)
    schema["$defs"].pop("Origin", None)
    for field in ("model", "data", "baseline"):
        described = properties[field]
        properties[field] = {"anyOf": [{"type": "string"}, {key: described[key] for key in described if key == "$ref"}]}
    properties["schedule"] = {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/ScheduleSpec"}, {"type": "null"}]}
    one_or_many = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    properties["tags"] = one_or_many
    schema["$defs"]["DataSpec"]["properties"]["segments"] = one_or_many
    schema["$defs"]["ScheduleSpec"]["properties"]["assets"] = one_or_many
    return schema
