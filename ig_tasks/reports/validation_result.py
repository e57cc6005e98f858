"""What `validate` found of a run, as validation.json holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ig_tasks.store.drift_parts import Drift
from ig_tasks.store.report import BaselineStability, Check, Quality, Verdict
from ig_tasks.store.report_explanation_quality import ExplanationQualityInfo

__all__ = ["Judged"]


@dataclass(frozen=True)
class Judged:
    """Checks in the order in which they were carried out, and what was found beside them.

    Attributes:
        drift: the comparison with an earlier run; None where there was nothing to compare with.
        quality: how good the model was; empty where no outcome is named.
        stability: how much of the importance stays from another baseline; None where that was not looked at.
        ablation_why_not: why the model could not be asked for decisions without their reasons; empty where it was, or
            nobody asked.
        explanation_quality: how good the explanations are; None where nobody asked.
    """

    checks: Sequence[Check] = ()
    drift: Drift | None = None
    verdicts: Sequence[Verdict] = ()
    quality: Sequence[Quality] = ()
    stability: BaselineStability | None = None
    ablation_why_not: str = ""
    explanation_quality: ExplanationQualityInfo | None = None

    def to_json(self) -> dict[str, Any]:
        """The document, without the rendering's key."""
        return {
            "checks": [check.model_dump(mode="json") for check in self.checks],
            "verdicts": [verdict.model_dump(mode="json") for verdict in self.verdicts],
            "drift": None if self.drift is None else self.drift.model_dump(mode="json"),
            "quality": [quality.model_dump(mode="json") for quality in self.quality],
            "stability": None if self.stability is None else self.stability.model_dump(mode="json"),
            **({"ablation_why_not": self.ablation_why_not} if self.ablation_why_not else {}),
            **(
                {"explanation_quality": self.explanation_quality.model_dump(mode="json")}
                if self.explanation_quality is not None
                else {}
            ),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Judged:
        """What `to_json` gave; earlier versions wrote less."""
        drift, stability = document.get("drift"), document.get("stability")
        judged = document.get("explanation_quality")
        return cls(
            checks=[Check.model_validate(check) for check in document["checks"]],
            drift=None if drift is None else Drift.model_validate(drift),
            verdicts=[Verdict.model_validate(verdict) for verdict in document.get("verdicts", [])],
            quality=[Quality.model_validate(section) for section in document.get("quality", [])],
            stability=None if stability is None else BaselineStability.model_validate(stability),
            ablation_why_not=document.get("ablation_why_not", ""),
            explanation_quality=None if judged is None else ExplanationQualityInfo.model_validate(judged),
        )
