"""The section `reasons` of a spec: which decisions are adverse, and how their principal reasons are written."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt

from ig_tasks.spec.fields import Section
from ig_tasks.spec.uris import Prose, Uri

__all__ = ["ReasonText", "ReasonsSpec"]


class ReasonText(Section):
    """What a reason is called where a person reads it."""

    code: Prose = ""
    text: Prose = ""


def _as_text(value: Any) -> Any:
    """A string stands for `{text: string}`."""
    return {"text": value} if isinstance(value, str) else value


class ReasonsSpec(Section):
    """Which rows had an adverse decision, and which reasons are given for it. A row at the threshold passes."""

    threshold: Annotated[float, Field(description="where the decision falls; a row at the threshold passes")]
    adverse: Annotated[Literal["above", "below"], Field(description="on which side of it the decision is adverse")]
    space: Annotated[
        Uri | None, Field(description="of the threshold, such as probability; left out: the space explained")
    ] = None
    top: Annotated[PositiveInt, Field(le=50, description="reasons a row has at most")] = 4
    by: Annotated[
        Literal["features", "groups"],
        Field(description="what a reason is: a feature, or a group of `features`; features without a group stay"),
    ] = "features"
    texts: Annotated[
        dict[str, Annotated[ReasonText, BeforeValidator(_as_text)]],
        Field(description="{feature or group: {code, text}}; a string is `text`; the others go by their own name"),
    ] = Field(default_factory=dict)
    ablation: Annotated[
        bool, Field(description="ask the model for the decision without each reason; see docs/reason_codes.md")
    ] = False
