"""A report of a flights model as the demo makes one: 20 features, 3 origins, 16 carriers, 5 rows explained.

`flights_report(**changes)` is a Report; every number is drawn from a fixed seed. Loaded by path, since tests are
not a package.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from ig_tasks.store.report import Report

HOSTILE = "</script><script>alert(1)</script>"
HIDDEN = "nul\x00 one\x01 esc\x1b del\x7f csi\x9b turned\u202e none\ufffe\uffff"
SEEN = r"nul\x00 one\x01 esc\x1b del\x7f csi\x9b turned\u202e none\ufffe\uffff"
"""Control characters as they may stand in the data, and as a reader sees them."""

FEATURES: dict[str, tuple[str, str, str | None, float]] = {
    # name: label, kind, group, size of its attributions
    "dep_delay": ("Departure delay", "numeric", "operations", 2.41),
    "tailnum": ("Aircraft", "categorical", "aircraft", 0.42),
    "dest": ("Destination", "categorical", "route", 0.36),
    "carrier": ("Carrier", "categorical", "operations", 0.31),
    "dep_hour": ("Scheduled hour", "categorical", "calendar", 0.24),
    "distance": ("Distance", "numeric", "route", 0.19),
    "air_time_planned": ("", "numeric", "route", 0.17),
    "humid": ("Humidity", "numeric", "weather", 0.15),
    "wind_speed": ("Wind speed", "numeric", "weather", 0.12),
    "month": ("Month", "categorical", "calendar", 0.11),
    "visib": ("Visibility", "numeric", "weather", 0.095),
    "precip": ("Precipitation", "numeric", "weather", 0.081),
    "temp": ("Temperature", "numeric", "weather", 0.073),
    "origin": ("Origin", "categorical", "route", 0.06),
    "pressure": ("Pressure", "numeric", "weather", 0.041),
    "plane_age": ("Age of the aircraft", "numeric", "aircraft", 0.034),
    "seats": ("Seats", "numeric", "aircraft", 0.021),
    "wind_gust": ("Wind gust", "numeric", "weather", 0.0093),
    "dewp": ("Dew point", "numeric", "weather", 0.0041),
    "day_of_week": ("Day of the week", "categorical", "calendar", 0.00021),
}
ORIGINS = {"EWR": 9603, "JFK": 8710, "LGA": 8394}
CARRIERS = dict(
    zip(
        ("UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS", "F9", "YV", "HA", "OO"),
        [4886, 4460, 4233, 3857, 2564, 2153, 1660, 1469, 991, 417, 162, 52, 55, 24, 21, 3],
        strict=True,
    )
)
WEIGHTS = np.array([size for *_, size in FEATURES.values()])
ROWS = 26_707
BARE: dict[str, Any] = {"segments": (), "examples": (), "distributions": (), "groups": ()}
"""What is left out where a test needs no charts of it."""


def importance_rows(
    rng: np.random.Generator, names: list[str], sizes: np.ndarray, rows: int, **where: Any
) -> list[dict[str, Any]]:
    """Importance of every feature: the sizes with some noise, ranked, with intervals as wide as few rows make."""
    abs_mean = sizes * np.exp(rng.normal(0, 0.15, len(names)))
    mean = abs_mean * rng.uniform(-0.9, 0.9, len(names))
    half = 1.96 * abs_mean / np.sqrt(rows)
    order = np.argsort(-abs_mean)
    rank = np.empty(len(names), int)
    rank[order] = np.arange(1, len(names) + 1)
    low, high = abs_mean - half, abs_mean + half
    found = [
        {
            "target": "late",
            "segment": None,
            "feature": names[i],
            "group": FEATURES[names[i]][2] if names[i] in FEATURES else None,
            "rows": rows,
            "mean": mean[i],
            "abs_mean": abs_mean[i],
            "std_dev": abs_mean[i] * 1.31,
            "median": mean[i] * 0.7,
            "mean_square": abs_mean[i] ** 2 * 2.1,
            "abs_mean_ci": (low[i], high[i]),
            "rank": rank[i],
            "rank_ci": (1 + int((low > high[i]).sum()), len(names) - int((high < low[i]).sum())),
            **where,
        }
        for i in range(len(names))
    ]
    return sorted(found, key=lambda row: row["rank"])


def segment_rows(rng: np.random.Generator, names: list[str], sizes: np.ndarray) -> list[dict[str, Any]]:
    return [
        row
        for column, levels in {"origin": ORIGINS, "carrier": CARRIERS}.items()
        for level, rows in levels.items()
        for row in importance_rows(
            rng,
            names,
            sizes * np.exp(rng.normal(0, 0.3, len(names))),
            rows,
            segment=f"{column}={level}",
            segment_column=column,
            segment_level=level,
        )
    ]


def group_rows() -> list[dict[str, Any]]:
    """The groups of FEATURES, each less than its features together."""
    groups: dict[str, list[str]] = {}
    for name, (_, _, group, _) in FEATURES.items():
        groups.setdefault(str(group), []).append(name)
    sizes = np.array([0.8 * sum(FEATURES[name][3] for name in names) for names in groups.values()])
    found = importance_rows(np.random.default_rng(3), list(groups), sizes, ROWS)
    return [
        {**{key: held for key, held in row.items() if key not in ("segment", "feature")}, "group": row["feature"],
         "features": groups[row["feature"]]}
        for row in found
    ]  # fmt: skip


def example(rng: np.random.Generator, row_id: str, output: float, chosen: str) -> dict[str, Any]:
    held = [135, "N13969", "ORD", "UA", 17, 719, 128.5, 0.8713, 21.86, 11, 0.75, 0.21, 37.94, "EWR", None]
    held += [14, 149, None, 33.8, "Friday"]
    attribution = WEIGHTS * rng.normal(0, 1, len(WEIGHTS))
    attribution[0] += output + 1.3127 - attribution.sum() - 0.0004
    return {
        "row_id": row_id,
        "target": "late",
        "output": output,
        "baseline_output": -1.3127,
        "convergence_delta": -0.0004,
        "status": "converged",
        "chosen": chosen,
        "contributions": [
            {"feature": name, "value": value, "attribution": part}
            for name, value, part in zip(FEATURES, held, attribution, strict=True)
        ],
    }


def flights_body(**changes: Any) -> dict[str, Any]:
    """What a Report is validated from."""
    rng = np.random.default_rng(7)
    names = list(FEATURES)
    quantiles = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
    return {
        "schema_version": "1.0",
        "state": "published",
        "name": "flights_torch",
        "run_id": "2013-11-3f9d0c52a1be",
        "partition": "2013-11",
        "revision": 1,
        "created_at": datetime(2026, 3, 2, 6, 4, 11, tzinfo=UTC),
        "description": "What makes the model expect a late arrival",
        "owner": "airline-analytics",
        "tags": ["flights", "torch"],
        "model": {
            "uri": "file:///srv/project/include/models/flights_torch",
            "framework": "torch",
            "digest": "sha256:" + "9c1d5e7f" * 8,
            "version": "1.2.0",
            "owner": "airline-analytics",
            "name": "Late arrivals, SiLU 256-128",
            "intended_use": "Warns passengers of arrivals more than 15 minutes late. Not for staffing or for pay.",
            "figures": {
                "trained_on": "2013-01 to 2013-09",
                "test": {"auc": 0.8998, "rows": 81_437},
                "notes": ["A remark."],
            },
        },
        "data": {
            "uri": "file:///srv/project/.data/flights",
            "digest": "sha256:" + "41aa07b3" * 8,
            "rows_available": 27_031,
            "rows_read": 27_031,
            "rows_explained": ROWS,
            "rows_unconverged": 12,
            "rows_quarantined": 324,
            "quarantine_reasons": {
                "missing value in temp": 301,
                "unknown category 'N999XX' in tailnum": 21,
                "output is not finite": 2,
            },
            "partition_column": "month",
        },
        "baseline": {
            "strategy": "auto",
            "digest": "sha256:" + "0b7e22d9" * 8,
            "output": -1.3127,
            "partition": "2013-01..2013-09",
            "rows": 243_107,
        },
        "targets": [
            {
                "name": "late",
                "space": "logit",
                "description": "arrival more than 15 minutes late",
                "mean_output": -1.7042,
            }
        ],
        "attribution": {
            "method": "integrated_gradients",
            "integrator": "clenshaw_curtis",
            "tolerance": 0.01,
            "evaluations_per_row": 38.7,
            "seed": 0,
            "max_evaluations": 4097,
        },
        "completeness": {
            "max_relative_delta": 0.0213,
            "mean_relative_delta": 0.000371,
            "converged_fraction": (ROWS - 12) / ROWS,
        },
        "importance": importance_rows(rng, names, WEIGHTS, ROWS),
        "segments": segment_rows(rng, names, WEIGHTS),
        "checks": [
            check("completeness", "critical", 0.99996, "at least 0.99 of rows within 0.01"),
            check("converged", "warning", 0.99955, "at least 0.95"),
            check("quarantined", "critical", 0.011986, "at most 0.05"),
            check("attributions_finite", "critical", 0, "0 null or non-finite attributions"),
            check("row_ids", "critical", 27_031, "27,031 unique row ids"),
            check("parity", "critical", 1.0, "1.0 of rows within 0.001 of late_logit"),
        ],
        "verdicts": [],
        "drift": None,
        "provenance": {
            "spec": {"sha256": "5d" * 32},
            "versions": {"ig-tasks": "0.1.0", "torch": "2.13.0", "numpy": "2.4.1", "dask": "2026.3.0"},
            "seed": 0,
            "batch_plan": {"shard_rows": 16384, "shards": 2},
            "airflow": {"dag_id": "ig_flights_torch", "run_id": "manual__2026-03-02T06:00:00+00:00", "try": 1},
            "files": {
                f"attributions/shard-{i:06d}.parquet": {"sha256": f"{i:02x}" * 32, "bytes": 4_194_304 + i}
                for i in range(4)
            },
            "attempts": [{"stage": "compute_attributions", "by": "airflow"}],
        },
        "timing": {"load_model": 3.81, "build_baseline": 2.2, "compute_attributions": 41.7, "validate": 4.06},
        "features": [
            {"name": name, "label": label, "group": group, "kind": kind}
            for name, (label, kind, group, _) in FEATURES.items()
        ],
        "examples": [
            example(rng, "2013-11-27-UA-1545-EWR", 3.9162, "highest output"),
            example(rng, "2013-11-03-B6-0583-JFK", 0.4417, "95 % quantile of the output"),
            example(rng, "2013-11-14-DL-1919-LGA", -1.6881, "median output"),
            example(rng, "2013-11-19-EV-4424-EWR", -2.4402, "5 % quantile of the output"),
            example(rng, "2013-11-09-HA-0051-JFK", -4.1098, "lowest output"),
        ],
        "distributions": [
            {
                "target": "late",
                "feature": name,
                "quantiles": [
                    {"q": q, "value": value}
                    for q, value in zip(
                        quantiles,
                        np.sort(FEATURES[name][3] * rng.normal(0.1, 1.1, len(quantiles))),
                        strict=True,
                    )
                ],
            }
            for name in names[:10]
        ],
        "groups": group_rows(),
        "segment_columns": [{"column": "origin", "levels": 3, "label": "Origin"}, {"column": "carrier", "levels": 16}],
        **changes,
    }


def check(name: str, severity: str, observed: Any, expected: Any, success: bool = True) -> dict[str, Any]:
    return {"name": name, "severity": severity, "success": success, "observed": observed, "expected": expected}


def flights_report(**changes: Any) -> Report:
    return Report.model_validate(flights_body(**changes))


def withheld_report(**changes: Any) -> Report:
    checks = flights_body()["checks"]
    checks[0] = check("completeness", "critical", 0.93, "at least 0.99 of rows within 0.01", success=False)
    return flights_report(state="withheld", checks=checks, **changes)


def wide_report(features: int = 1000) -> Report:
    """Many features, no segments, no examples, nothing quarantined."""
    rng = np.random.default_rng(11)
    names = [f"feature_{i:04d}" for i in range(features)]
    rows = importance_rows(rng, names, 1 / np.arange(1, features + 1), ROWS)
    body = flights_body(
        importance=rows, segments=[], examples=[], distributions=[], features=[], verdicts=[], groups=[]
    )
    body["data"] |= {"rows_read": ROWS, "rows_available": ROWS, "rows_quarantined": 0, "quarantine_reasons": {}}
    return Report.model_validate(body)


def two_target_report() -> Report:
    body = flights_body()
    body["targets"].append({"name": "very_late", "space": "probability"})
    body["baseline"]["outputs"] = {"late": -1.3127, "very_late": 0.0412}
    for part in ("importance", "segments", "distributions", "groups"):
        body[part] += [{**row, "target": "very_late"} for row in body[part]]
    return Report.model_validate(body)


def texts_and_images_report() -> Report:
    """A text in pieces, a bag, and two images in grids: one whose cells have room for numbers, one whose have not."""
    body = flights_body()
    body["features"] = [
        {"name": "text", "label": "Review", "kind": "tokens"},
        {"name": "tags", "label": "Tags", "kind": "bag"},
        *({"name": f"image[{i},{j}]", "label": f"Cell {i}, {j}", "kind": "image"} for i in range(8) for j in range(8)),
    ]
    body["baseline"]["output"] = None
    words = ["not", "the", "f", "##e", "##m", "##al", "##e", "form", ",", "a", "bu", "##r", "##l", "##a", "##p", "sack"]
    rng = np.random.default_rng(5)
    for item in body["examples"]:
        parts = rng.normal(0, 0.4, 64)
        parts += (item["output"] - item["baseline_output"] - parts.sum()) / parts.size
        item["contributions"] = [
            {"feature": name["name"], "value": None, "attribution": part}
            for name, part in zip(body["features"][2:], parts, strict=True)
        ]
        item["tokens"] = [
            {"input": "ids", "feature": "text", "words": [
                {"text": word, "attribution": float(part)}
                for word, part in zip(words * 4, rng.normal(0, 0.1, 4 * len(words)), strict=True)
            ]},
            {"input": "tags", "feature": "tags", "words": [
                {"text": "a long category of its own", "attribution": 0.25}, {"text": "##b", "attribution": -0.125},
            ]},
        ]  # fmt: skip
        item["heatmaps"] = [
            {"input": "image", "rows": parts.reshape(8, 8).tolist()},
            {"input": "scan", "rows": rng.normal(0, 0.1, (28, 28)).tolist()},
        ]
    return Report.model_validate(body)


def foreign_report() -> Report:
    """Names and categories in scripts whose letters the report's font lacks, and in such as it has."""
    written = {
        "dep_delay": "出発の遅れ（分単位、予定時刻と実際の出発時刻の差）",
        "carrier": "वाहक कंपनी का पूरा नाम",
        "dest": "목적지 공항",
        "dep_hour": "Час відправлення за розкладом",
        "distance": "Απόσταση σε μίλια",
        "origin": "Điểm khởi hành",
    }
    body = flights_body()
    body["features"] = [{**item, "label": written.get(item["name"], item["label"])} for item in body["features"]]
    body["segments"] = [
        {
            **row,
            "segment_level": {"EWR": "紐約紐瓦克自由國際機場，新澤西州"}.get(
                row["segment_level"], row["segment_level"]
            ),
        }
        for row in body["segments"]
    ]
    for item in body["examples"]:
        item["contributions"][0]["value"] = "とても長いカテゴリの名前です、切られます"
    return Report.model_validate(body)


def hostile_report(name: str = HOSTILE) -> Report:
    """A feature, a category, a segment, a model, a check and a reason named like an attack, or `name`."""
    body = flights_body()

    def renamed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**row, "feature": name if row["feature"] == "carrier" else row["feature"]} for row in rows]

    body["importance"] = renamed(body["importance"])
    body["distributions"] = renamed(body["distributions"])
    body["groups"][0] |= {"group": name, "features": (name,)}
    body["segments"] = [
        {**row, "segment": f"carrier={name}", "segment_level": name} if row["segment_level"] == "UA" else row
        for row in renamed(body["segments"])
    ]
    for item in body["examples"]:
        item["row_id"] = name
        item["contributions"] = renamed(item["contributions"])
        item["contributions"][0]["value"] = name
    body["features"] = [item for item in body["features"] if item["name"] != "carrier"]
    body["features"].append({"name": name, "label": name, "group": name})
    body["model"] |= {"name": name, "version": name, "owner": name, "figures": {name: name}}
    body["data"]["quarantine_reasons"] = {f"unknown category '{name}' in carrier": 324}
    body["checks"].append(check(name, "warning", name, name, success=False))
    body["provenance"][name] = {name: name}
    body["targets"][0]["description"] = name
    body["description"] = '"><img src=x onerror=alert(1)>'
    return Report.model_validate(body)
