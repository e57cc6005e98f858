"""From a run's statistics, checks and manifest to its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ig_tasks.baselines.fitted import Baseline
from ig_tasks.reports.headline import headline_of, interpretability_of
from ig_tasks.reports.importance import distributions, importance_rows
from ig_tasks.reports.space_notes import probability_at, target_facts, with_margin, with_probabilities
from ig_tasks.reports.validation_result import Judged
from ig_tasks.spec import ExplanationSpec
from ig_tasks.stages.plan_facts import PlanFacts
from ig_tasks.stages.row_outcomes import CORRECT
from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.store.clock import utc_now
from ig_tasks.store.report import (
    SCHEMA_VERSION,
    AttributionInfo,
    BaselineInfo,
    BaselineObjection,
    BaselineValue,
    Completeness,
    DataInfo,
    Dependence,
    Example,
    FeatureInfo,
    GroupImportance,
    ModelInfo,
    Outlier,
    OverrideInfo,
    Report,
    SegmentInfo,
    TargetInfo,
)
from ig_tasks.store.report_reasons import ReasonsInfo
from ig_tasks.validation.decision import withholding
from ig_tasks.validation.unknown import judge_unknown


@dataclass(frozen=True)
class Findings:
    """What a run found, ready to be told."""

    spec: ExplanationSpec
    facts: PlanFacts
    served_digest: str
    run_id: str
    summary: ShardSummary
    baseline: Baseline
    space: str
    judged: Judged
    examples: Sequence[Example]
    groups: Sequence[GroupImportance]
    objections: Sequence[BaselineObjection]
    outliers: Sequence[Outlier]
    """Over all rows, within segments, and of groups."""
    manifest: Mapping[str, Any]
    rendering: str
    dependence: Sequence[Dependence] = ()
    reasons: ReasonsInfo | None = None


def assemble_report(findings: Findings, *, revision: int) -> Report:
    """The report of a run: withheld when a check of severity `critical` failed that nobody decides on."""
    spec, facts, summary = findings.spec, findings.facts, findings.summary
    card = facts.config.card
    # This is the data that was explained: files may have been added since.
    available = int(findings.manifest.get("rows_available", facts.rows_available))
    failed = withholding(findings.judged.checks, spec.approval)
    target = next(iter(summary.attributions))
    relative = summary.relative_delta
    explained = summary.rows_explained
    rows = importance_rows(summary, spec.features)
    figures = card.model_dump(mode="json")
    return Report(
        schema_version=SCHEMA_VERSION,
        state="withheld" if failed else "published",
        name=spec.name,
        description=spec.description,
        owner=spec.owner,
        tags=spec.tags,
        run_id=findings.run_id,
        partition=facts.partition,
        revision=revision,
        created_at=utc_now(),
        model=ModelInfo(
            uri=spec.model.uri,
            framework=facts.config.framework,
            digest=str(findings.manifest["key_parts"]["model"]["digest"]),
            version=str(figures.get("version") or ""),
            owner=str(figures.get("owner") or ""),
            name=str(figures.get("name") or ""),
            intended_use=str(figures.get("intended_use") or ""),
            figures={k: v for k, v in figures.items() if k not in {"name", "version", "owner", "intended_use"} and v},
            served_uri=spec.model.served.uri if spec.model.served else "",
            served_digest=findings.served_digest if spec.model.served else "",
        ),
        data=DataInfo(
            uri=spec.data.uri,
            digest=str(findings.manifest["key_parts"]["data"]["digest"]),
            rows_available=available,
            rows_read=summary.rows_read,
            rows_explained=explained,
            rows_unconverged=summary.rows_unconverged,
            rows_unverified=summary.rows_unverified,
            rows_quarantined=summary.rows_quarantined,
            quarantine_reasons=dict(summary.reasons),
            not_read=_not_read(available, summary.rows_read, bool(spec.data.rows)),
            partition_column=spec.data.partition or "",
            unknown=tuple(
                unknown.info() for unknown in judge_unknown(spec, facts, summary.unknown, findings.baseline.unknown)
            ),
        ),
        baseline=BaselineInfo(
            strategy=spec.baseline.strategy,
            digest=findings.baseline.digest,
            output=summary.baseline_output.get(target),
            output_probability=probability_at(
                facts.config.targets[target], findings.space, summary.baseline_output.get(target)
            ),
            partition=spec.baseline.partition or "",
            rows=findings.baseline.rows,
            baselines=findings.baseline.count,
            definition=findings.baseline.definition,
            segment=findings.baseline.segment or "",
            unseen_rows=summary.unseen_levels,
            values=tuple(
                BaselineValue(feature=feature, value=value)
                for feature, value in findings.baseline.describe(facts.config.inputs).items()
            ),
            objections=tuple(findings.objections),
        ),
        targets=tuple(
            TargetInfo(
                name=name,
                space=findings.space,
                mean_output=outputs.mean[0] if outputs.count else None,
                **target_facts(facts.config.targets[name], findings.space),
            )
            for name, outputs in summary.outputs.items()
        ),
        attribution=AttributionInfo(
            method=spec.attribution.method,
            integrator=str(summary.details.get("integrator", spec.attribution.integrator)),
            tolerance=spec.attribution.tolerance,
            evaluations_per_row=summary.evaluations / explained if explained else None,
            seed=spec.attribution.seed,
            absolute_tolerance=spec.attribution.absolute_tolerance,
            max_evaluations=spec.attribution.max_evaluations,
            precision=spec.attribution.precision,
            options=spec.attribution.options,
        ),
        completeness=Completeness(
            max_relative_delta=relative.maximum[0] if relative.count else None,
            mean_relative_delta=relative.mean[0] if relative.count else None,
            converged_fraction=summary.rows_converged / explained if explained else None,
        ),
        importance=tuple(row for row in rows if row.segment is None),
        segments=tuple(row for row in rows if row.segment is not None),
        segment_columns=tuple(_segment_columns(summary, target, target_has_outcomes=spec.data.label is not None)),
        features=tuple(
            FeatureInfo(name=feature.name, kind=feature.kind, **_presented(spec.features.get(feature.name)))
            for feature in facts.features
        ),
        examples=tuple(
            with_probabilities(with_margin(example, config, findings.space), config, findings.space)
            for example in findings.examples
            for config in (facts.config.targets[example.target],)
        ),
        distributions=tuple(distributions(summary)),
        groups=tuple(findings.groups),
        outliers=tuple(outlier for outlier in findings.outliers if not _in_segment_or_group(outlier)),
        outliers_within=tuple(outlier for outlier in findings.outliers if _in_segment_or_group(outlier)),
        dependence=tuple(findings.dependence),
        overrides=tuple(OverrideInfo(**override.model_dump()) for override in spec.overrides),
        checks=tuple(findings.judged.checks),
        verdicts=tuple(findings.judged.verdicts),
        drift=findings.judged.drift,
        quality=tuple(findings.judged.quality),
        headline=headline_of(
            summary,
            findings.judged.checks,
            findings.objections,
            tolerance=spec.attribution.tolerance,
            absolute_tolerance=spec.attribution.absolute_tolerance,
        ),
        interpretability=interpretability_of(summary, findings.judged.stability),
        reasons=findings.reasons,
        explanation_quality=findings.judged.explanation_quality,
        provenance=_provenance(findings),
        timing={name: stage["seconds"] for name, stage in findings.manifest.get("stages", {}).items()},
    )


def _in_segment_or_group(outlier: Outlier) -> bool:
    """Whether it is one of a segment or a group, and not of a feature over all rows."""
    return outlier.segment_column is not None or outlier.group is not None


def importance_table(summary: ShardSummary) -> pa.Table:
    """The table of importance.parquet: overall and by segment; groups are a matter of the report."""
    rows = [row.model_dump(mode="json") for row in importance_rows(summary, {})]
    for row in rows:
        row.pop("group")
        row["abs_mean_ci_low"], row["abs_mean_ci_high"] = row.pop("abs_mean_ci")
        row["rank_best"], row["rank_worst"] = row.pop("rank_ci")
    return pa.Table.from_pylist(rows)


def _not_read(available: int, rows_read: int, by_id: bool) -> str:
    if rows_read >= available:
        return ""
    if by_id:
        return f"the {rows_read:,} rows that were asked for were read, of {available:,}"
    return f"a sample of {rows_read:,} rows was read, spread evenly over all {available:,}"


def _presented(feature: Any) -> dict[str, Any]:
    if feature is None:
        return {}
    return {"label": feature.label or "", "group": feature.group, "description": feature.description or ""}


def _segment_columns(summary: ShardSummary, target: str, *, target_has_outcomes: bool) -> list[SegmentInfo]:
    levels: dict[str, int] = {}
    for column, _, _ in summary.attributions[target].segments():
        levels[column] = levels.get(column, 0) + 1
    # The segment that outcomes add has a name that reads well beside its levels, right and wrong.
    labels = {CORRECT: "Prediction"} if target_has_outcomes else {}
    return [SegmentInfo(column=column, levels=count, label=labels.get(column, "")) for column, count in levels.items()]


def _provenance(findings: Findings) -> dict[str, Any]:
    keys = ("key", "key_parts", "versions", "shards", "attempts", "started_at")
    facts = {key: findings.manifest[key] for key in keys if key in findings.manifest}
    return {**facts, "rendering": findings.rendering, "engine": dict(findings.summary.details)}
