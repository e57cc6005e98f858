"""The colours of the browser's pages as a style sheet: light, and dark where the reader or Airflow asks for it."""

from __future__ import annotations

from collections.abc import Mapping

from ig_tasks.presentation.colours import DARK, LIGHT

__all__ = ["VARIABLES", "palette_css"]

VARIABLES = {colour: f"var(--{name})" for name, colour in LIGHT.items()}
"""{a light colour: the variable that holds it}, for charts that follow the page."""


def palette_css() -> str:
    """Variables by the colours' names. `<html data-theme>`, `dark` or `light`, decides, else the reader's choice."""
    light, dark = (
        f"color-scheme: {name}; {_declarations(colours)}" for name, colours in (("light", LIGHT), ("dark", DARK))
    )
    return (
        f":root {{ {light} }}\n"
        f'@media screen and (prefers-color-scheme: dark) {{ :root:not([data-theme="light"]) {{ {dark} }} }}\n'
        f'@media screen {{ :root[data-theme="dark"] {{ {dark} }} }}\n'
    )


def _declarations(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())
