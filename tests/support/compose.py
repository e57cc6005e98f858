"""Reads docker-compose.yml as Compose does: YAML with merges, variables of the environment put in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"

SECRETS = {
    "POSTGRES_PASSWORD": "databasepassword", "AIRFLOW_JWT_SECRET": "j" * 64, "AIRFLOW_SECRET_KEY": "s" * 64,
    "AIRFLOW_FERNET_KEY": "ZmVybmV0LWtleS1vZi1leGFjdGx5LTMyLWJ5dGVzISE=", "AIRFLOW_ADMIN_PASSWORD": "adminpassword",
}  # fmt: skip

_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<kind>:[-?])(?P<rest>[^}]*))?\})")


def raw() -> dict[str, Any]:
    """The file before variables are put in."""
    return dict(yaml.safe_load(FILE.read_text()))


def interpolate(value: Any, environment: Mapping[str, str]) -> Any:
    """`${NAME:-default}`, `${NAME:?message}` (KeyError when unset or empty) and `$$`, in every text of `value`."""
    if isinstance(value, dict):
        return {key: interpolate(item, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolate(item, environment) for item in value]
    return _VARIABLE.sub(lambda match: _replace(match, environment), value) if isinstance(value, str) else value


def _replace(match: re.Match[str], environment: Mapping[str, str]) -> str:
    name = match["name"]
    if name is None:
        return "$"
    if environment.get(name):
        return environment[name]
    if match["kind"] == ":?":
        raise KeyError(f"{name}: {match['rest']}")
    return match["rest"] or ""


def services(environment: Mapping[str, str] = SECRETS) -> dict[str, dict[str, Any]]:
    """The services, with the environment's variables in place."""
    return dict(interpolate(raw(), environment)["services"])


def variables(kind: str) -> set[str]:
    """The names of the file's variables: kind ":?" for the required, ":-" for those with a default."""
    return {match["name"] for match in _VARIABLE.finditer(FILE.read_text()) if match["kind"] == kind}
