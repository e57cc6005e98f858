"""What axe-core finds wrong with a page that a browser shows, for people who do not see it or use no mouse."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

SERIOUS = frozenset({"serious", "critical"})
_AXE = Path(__file__).parent / "vendor" / "axe.min.js"


@cache
def _source() -> str:
    return _AXE.read_text(encoding="utf-8")


def violations(frame: Any, *, impacts: frozenset[str] = SERIOUS) -> list[str]:
    """A line for each element of a page or frame that breaks one of axe-core's rules, worst kinds only.

    The script is evaluated by the browser's debugger, so that a page's Content-Security-Policy does not stop it.
    """
    frame.evaluate(f"() => {{ {_source()}; }}")
    report = frame.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']} ({rule['impact']}): {node['target'][0]}: {node['failureSummary'].splitlines()[-1].strip()}"
        for rule in report["violations"]
        if rule["impact"] in impacts
        for node in rule["nodes"]
    ]
