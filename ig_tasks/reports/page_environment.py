"""What every page shares: templates, how figures are written, styles, font, and the policy that stops scripts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ig_tasks.charts import Chart
from ig_tasks.charts.typeface import font_faces
from ig_tasks.presentation import colours, statuses
from ig_tasks.presentation.methods import method_facts
from ig_tasks.presentation.visible import visible
from ig_tasks.reports import numerals, sentences
from ig_tasks.reports.drift_view import because, relative, relative_interval, values_words
from ig_tasks.reports.interval_words import interval_words
from ig_tasks.reports.override_notes import HEADLINE, override_words

__all__ = ["CONTENT_SECURITY_POLICY", "REPORT_STYLES", "environment", "frame", "undrawn"]

CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
_HERE = Path(__file__).parent
REPORT_STYLES = _HERE / "styles" / "report.css"


def frame(text: str) -> dict[str, Any]:
    """What `head.html` needs: constants of ours, and the parts of the font that a page of this text needs."""
    return {
        "policy": Markup(CONTENT_SECURITY_POLICY),  # noqa: S704 - a constant
        "fonts": Markup(font_faces(text)),  # noqa: S704 - our own files
        "styles": Markup(REPORT_STYLES.read_text(encoding="utf-8")),  # noqa: S704 - our own file
        "colours": colours,
    }


def _when(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _shown(value: Any) -> Any:
    """What an expression of a template gives: its control characters visible, line breaks as they are."""
    return visible(value, breaks=True) if isinstance(value, str) and not isinstance(value, Markup) else value


_why_undrawn: ContextVar[str | None] = ContextVar("why_undrawn", default=None)


@contextmanager
def undrawn(why: str) -> Iterator[None]:
    """Within the block charts are their words, and why they could not be drawn."""
    token = _why_undrawn.set(why)
    try:
        yield
    finally:
        _why_undrawn.reset(token)


def _drawn(chart: Chart) -> Markup:
    """A chart's SVG as it is: it comes escaped from vl-convert and holds no script."""
    if (why := _why_undrawn.get()) is not None:
        return Markup('<p class="muted">This chart could not be drawn ({}). {}</p>').format(why, visible(chart.words))
    return Markup(chart.svg())  # noqa: S704


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Jinja's environment: templates of this room, everything escaped, control characters visible."""
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "number": numerals.number,
        "count": numerals.count,
        "share": numerals.share,
        "duration": numerals.duration,
        "held": numerals.value,
        "exact": numerals.exact,
        "when": _when,
        "drawn": _drawn,
    }
    made.globals |= {
        "apart": numerals.apart,
        # Names are words here; on pages of the browser they lead to the pages of what they name.
        "linked": lambda _, label: label,
        "level_linked": lambda _, level: level,
        "row_linked": lambda row_id: row_id,
        "run_linked": lambda run: run.run_id,
        "because": because,
        "relative": relative,
        "relative_interval": relative_interval,
        "values_words": values_words,
        "chance": numerals.chance,
        "counted": numerals.counted,
        "interval": numerals.interval,
        "interval_words": interval_words,
        "partition_words": sentences.partition_words,
        "units": sentences.units,
        "method_words": sentences.method_words,
        "outlier_words": sentences.outlier_words,
        "target_words": sentences.target_words,
        "check_name": sentences.check_name,
        "remedy": sentences.remedy,
        "adhoc_headline": HEADLINE,
        "override_words": override_words,
        "proven_by": statuses.proven_by,
        "method_facts": method_facts,
    }
    return made
