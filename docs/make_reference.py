"""Writes the generated parts of docs/reference.md: keys of the spec, of model.yaml and of report.json, the commands.

    python docs/make_reference.py            writes them anew
    python docs/make_reference.py --check    exit code 1 if they are not as the code is

Types and defaults come from the pydantic models, the commands from the command line itself. What a key means comes
from its description in the model, or from MEANING below; a key without either is an error.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).with_name("reference.md")

MEANING = {
    "spec": {
        "version": "version of this format",
        "name": "of the DAG `ig_<name>`, the Asset `ig://<name>`, the folder in the store",
        "description": "shown on the DAG and on top of the report",
        "owner": "owner of the DAG's tasks; shown in the report",
        "tags": "of the DAG, beside `ig-tasks`",
        "schedule": "left out: only triggered. A string is `cron`; times are UTC",
        "schedule.start": "no runs before this day",
        "schedule.end": "no runs after this day",
        "schedule.assets": "URIs of Airflow Assets, in place of `cron`: a run when all of them were updated",
        "model": "a string is `uri`",
        "model.uri": "folder of the model package, any fsspec URI; relative to the spec's file",
        "model.target": "a name under `targets` of model.yaml, or its `output` column; left out: the only one",
        "model.served": "the artifact that is served, compared with the model; a string is `uri`",
        "model.served.uri": "folder of a package, or a bare artifact with the same inputs and targets; any fsspec URI",
        "data": "a string is `uri`",
        "data.uri": "a Parquet file, or a folder of them, any fsspec URI; relative to the spec's file",
        "data.partition": "key of the folders `<key>=<value>` that divide the data",
        "data.id": "column of unique row ids; left out: file and row number",
        "data.segments": "columns by whose levels importance is also given",
        "baseline": "a string is `strategy`",
        "baseline.strategy": "see [baselines](baselines.md)",
        "baseline.partition": "partition expression on which it is fitted; left out: all",
        "baseline.uri": "data of its own on which it is fitted; for `table` the file with the row",
        "attribution": "how attributions are computed, and how exactly",
        "attribution.method": "which definition of an attribution, [see](methods.md)",
        "attribution.integrator": "`auto`, `adaptive`: by the model, [see](concepts.md#how-a-row-is-integrated); `exact`: piecewise-linear models",
        "attribution.steps": "nodes of a fixed rule (50 if left out); not for `auto` and `adaptive`",
        "attribution.tolerance": "relative: of each row's completeness delta and estimated error",
        "attribution.absolute_tolerance": "allowed on top, in units of the output",
        "attribution.max_evaluations": "gradient evaluations that a row may take",
        "attribution.precision": "`model`: its own; others cast a copy; `bfloat16` needs a tolerance of 0.01 or more",
        "attribution.memory_limit": "bytes that the engine's batches may take, a MiB at least; left out: 256 MiB",
        "attribution.seed": "of the sample; recorded",
        "compute": "where the work is done",
        "compute.workers": "that the run starts by itself; `auto`: by cores, memory and shards; `0`: none, [in one process](scaling.md#without-workers)",
        "compute.shard_rows": "rows of a shard, the unit of work",
        "compute.pool": "Airflow pool of the tasks that start workers",
        "compute.resources": "Dask resources that each task needs, such as `{GPU: 1}`",
        "compute.deferrable": "the task [waits in the triggerer](operations.md#deferrable-compute); needs `address` or `connection`",
        "compute.retries": "tries more of a shard that failed by an unforeseen error",
        "compute.shard_timeout": "seconds that a worker may take for a shard before another one is given it; `auto`: [by the pace of the others](operations.md#what-happens-when)",
        "validation": "when a report may be published",
        "validation.completeness": "share of rows whose relative delta is small enough",
        "validation.completeness.mostly": "at least this share",
        "validation.completeness.severity": "",
        "validation.converged": "share of rows with status `converged`",
        "validation.converged.at_least": "",
        "validation.converged.severity": "",
        "validation.quarantined": "share of rows that could not be explained",
        "validation.quarantined.at_most": "",
        "validation.quarantined.severity": "",
        "validation.unknown": "share of a feature's categories that the model does not know, nulls among them",
        "validation.unknown.severity": "",
        "validation.parity": "with `data.prediction`: output and stored prediction; with `model.served`: both models",
        "validation.parity.tolerance": "largest difference, divided by 1 + the prediction's size",
        "validation.parity.mostly": "at least this share of the rows compared",
        "validation.parity.severity": "",
        "drift": "the earlier run that a report is compared with, and which changes count; a string is `reference`",
        "drift.severity": "",
        "reasons": "why rows were turned down, see [reason codes](reason_codes.md); left out: no reasons are given",
        "explanation_quality": "how good the explanations are, on a sample of rows, see [concepts](concepts.md#how-good-is-an-explanation); left out: it is not measured",
        "reasons.texts.<name>.code": "such as the code of a notice",
        "reasons.texts.<name>.text": "what a person reads",
        "verdicts": "what is said of single features, from which threshold, and how severe it is",
        "approval": "a person decides, in the DAG `ig_feature_validation`; a string is `severity`",
        "verdicts.ignored": "the model hardly uses the feature",
        "verdicts.ignored.severity": "",
        "verdicts.dominant": "one feature decides nearly alone",
        "verdicts.dominant.severity": "",
        "verdicts.value_driven": "one value, such as that for missing, carries the feature's importance",
        "verdicts.value_driven.severity": "",
        "verdicts.against_sign": "the feature works against `features.<name>.expected_sign`",
        "verdicts.against_sign.severity": "",
        "verdicts.redundant": "two features hold the same",
        "verdicts.redundant.severity": "",
        "verdicts.opposing": "two features cancel each other within rows",
        "verdicts.opposing.severity": "",
        "verdicts.unstable": "the feature's share of all importance hangs on the baseline",
        "verdicts.unstable.severity": "",
        "verdicts.low_data": "too few rows, or clusters of rows, to tell features apart",
        "verdicts.low_data.severity": "",
        "verdicts.unused": "with outcomes: the model does as well with the feature at the baseline",
        "verdicts.unused.severity": "",
        "verdicts.harmful": "with outcomes: the model does better with the feature at the baseline",
        "verdicts.harmful.severity": "",
        "report": "what the report shows",
        "report.examples": "single rows shown, spread from the lowest to the highest output",
        "report.keep_inputs": "whether the shards hold the inputs beside the attributions",
        "features": "a label, a group and a description for features, by name",
        "features.<name>.label": "what people call it",
        "features.<name>.group": "the group it belongs to: features of a group are also summed, row by row, and ranked as one",
        "features.<name>.description": "",
    },
    "model": {
        "version": "version of this format",
        "framework": "",
        "factory": "`file:function` of the package, which returns the model without its weights; for formats of numbers only",
        "arguments": "what the factory is called with",
        "weights": "a file or folder of the package, or a URI of either, whose files count in the digest",
        "format": "left out: by the suffix of `weights`, or what the folder holds; see [torch](bring_your_model/torch.md)",
        "preprocess": "`file:function` of the package: a table into `{input: array}` of the inputs of kind `array`",
        "inputs": "by the names under which the model takes them",
        "inputs.<name>.columns": "columns of the data; one name stands for a list of one",
        "inputs.<name>.kind": "left out: by `dtype` and `vocabulary`; see [inputs](bring_your_model/inputs.md)",
        "inputs.<name>.dtype": "of the array; of ids and masks `int64`",
        "inputs.<name>.vocabulary": "categories in the order of their ids, or the name of a JSON file of the package",
        "inputs.<name>.offset": "id of the first category",
        "inputs.<name>.unknown": "id of every other category, and of nulls; left out: such rows are quarantined",
        "inputs.<name>.unknown_zeros": "`unknown: zeros` of a one-hot input or a bag: other categories have no one",
        "inputs.<name>.layer": "the embedding layer in whose output the path runs",
        "inputs.<name>.separator": "between the categories of a bag that is text",
        "inputs.<name>.length": "ids of a row of tokens or a bag; numbers of a series",
        "inputs.<name>.padding": "id that fills rows up",
        "inputs.<name>.tokenizer": "a tokenizer.json of the package, in place of a vocabulary",
        "inputs.<name>.special": "ids that are their own baseline, as padding is",
        "inputs.<name>.standardize": "words of a vocabulary as Keras's TextVectorization makes them; left out: runs of letters, "
        "digits and underscores in lower case",
        "inputs.<name>.of": "the input of tokens or of a bag that a mask belongs to",
        "inputs.<name>.shape": "of one row of an image or array, as the model takes it",
        "inputs.<name>.scale": "what pixels are multiplied by",
        "inputs.<name>.channels": "where an image has its channels, or a series its columns",
        "inputs.<name>.grid": "rows and columns of cells, a feature each; left out: an image is one feature",
        "inputs.<name>.missing": "number in place of a missing one, or {column: number}; left out: such rows are quarantined",
        "inputs.<name>.features": "names along the last axis of an array; left out: one feature",
        "targets": "the outputs, by name",
        "targets.<name>.output": "column of the output, name of one of several, or a selection; left out: there is one",
        "targets.<name>.output.head": "name of an output, or its place among several",
        "targets.<name>.output.position": "place in a sequence, of an output (rows, positions, columns)",
        "targets.<name>.output.column": "column of that output",
        "targets.<name>.space": "what the number is: `logit`, `probability`, ...",
        "targets.<name>.activation": "what turns several columns of logits into probabilities",
        "targets.<name>.threshold": "where a decision falls: in probability, calibrated where the target is",
        "targets.<name>.calibration": "into a probability that holds, [see](bring_your_model/outputs.md)",
        "targets.<name>.calibration.method": "",
        "targets.<name>.calibration.of": "space that it is applied to; left out: the target's own",
        "targets.<name>.calibration.file": "JSON file of the package with these keys",
        "targets.<name>.calibration.slope": "of `platt`",
        "targets.<name>.calibration.intercept": "of `platt`",
        "targets.<name>.calibration.temperature": "of `temperature`",
        "targets.<name>.calibration.x": "of `isotonic`: rising",
        "targets.<name>.calibration.y": "of `isotonic`: probabilities, not falling",
        "card": "what readers of the report need to know; further keys are shown as figures",
        "card.name": "",
        "card.version": "",
        "card.owner": "",
        "card.intended_use": "",
    },
}


def main(arguments: list[str]) -> int:
    """Write or check; returns the exit code."""
    before = REFERENCE.read_text(encoding="utf-8")
    after = generated(before)
    if arguments == ["--check"]:
        if after != before:
            print(f"{REFERENCE.name} is not as the code is; run: python docs/{Path(__file__).name}", file=sys.stderr)
        return int(after != before)
    REFERENCE.write_text(after, encoding="utf-8")
    return 0


def generated(text: str) -> str:
    """`text` with what stands between each `<!-- generated: part -->` and the next `<!-- end -->` made anew."""
    for part, make in {"spec": spec_keys, "model": model_keys, "report": report_keys, "commands": commands}.items():
        opening, closing = f"<!-- generated: {part} -->\n", "<!-- end -->"
        head, found, tail = text.partition(opening)
        if not found:
            raise SystemExit(f"{REFERENCE.name}: there is no line {opening.strip()}")
        text = head + opening + make() + closing + tail.partition(closing)[2]
    return text


def spec_keys() -> str:
    from ig_tasks.spec import json_schema

    return table(json_schema(), MEANING["spec"], ["key", "type", "default", "meaning"])


def model_keys() -> str:
    from ig_tasks.models.config import ModelConfig

    return table(ModelConfig.model_json_schema(), MEANING["model"], ["key", "type", "default", "meaning"])


def report_keys() -> str:
    from ig_tasks.store.report import SCHEMA_FILE

    return table(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")), None, ["key", "type", "meaning"])


def table(schema: dict[str, Any], meaning: dict[str, str] | None, columns: list[str]) -> str:
    """A Markdown table of every key of a JSON Schema, nested ones dotted."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for key, described, default in keys(schema, schema):
        said = " ".join(described.get("description", "").split())
        if meaning is not None:
            if key not in meaning and not (said and "$ref" not in described):
                raise SystemExit(f"{key}: say in {Path(__file__).name} what it means")
            said = meaning.get(key, said)
        cells = [f"`{key}`", kind(described, schema), default, said]
        named = zip(cells, ("key", "type", "default", "meaning"), strict=True)
        chosen = [cell for cell, name in named if name in columns]
        lines.append("| " + " | ".join(escaped(cell) for cell in chosen) + " |")
    return "\n".join(lines) + "\n"


def keys(
    schema: dict[str, Any], part: dict[str, Any], prefix: str = "", given: dict[str, Any] | None = None
) -> Iterator[tuple[str, dict[str, Any], str]]:
    """(dotted key, its schema, its default) of every key, in order; of two lists of the same objects, those of one.

    `given` is the default of the section that `part` describes: what holds where the section is left out.
    """
    listed: list[Any] = []
    for name, described in part.get("properties", {}).items():
        key = prefix + name
        inner, suffix = within(described, schema)
        default = described.get("default", (given or {}).get(name))
        if name not in part.get("required", ()):
            text = shown(default, is_section=inner is not None, is_empty=_may_be_empty(described))
        else:
            text = "required" if default is None else f"{shown(default)}; required where the section is given"
        yield key, described, text
        if inner is not None and inner not in listed:
            listed += [inner] if suffix == "[]" else []
            yield from keys(schema, inner, f"{key}{suffix}.", default if isinstance(default, dict) else None)


def within(described: dict[str, Any], schema: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The object that a key holds, if it does, and how its own keys are reached: `.`, `[].`, `.<name>.`."""
    for option in (described, *described.get("anyOf", ())):
        if "$ref" in option:
            return schema["$defs"][option["$ref"].rsplit("/", 1)[-1]], ""
        items = option.get("items")
        if isinstance(items, dict) and "$ref" in items:
            return schema["$defs"][items["$ref"].rsplit("/", 1)[-1]], "[]"
        values = option.get("additionalProperties")
        if isinstance(values, dict) and "$ref" in values:
            return schema["$defs"][values["$ref"].rsplit("/", 1)[-1]], ".<name>"
    return None, ""


def kind(described: dict[str, Any], schema: dict[str, Any]) -> str:
    """A type in words."""
    options = described.get("anyOf") or [described]
    words = list(dict.fromkeys(one_kind(option, schema) for option in options))
    if "null" in words:
        words = [word for word in words if word != "null"] + ["null"]
    return " or ".join(words)


def one_kind(option: dict[str, Any], schema: dict[str, Any]) -> str:
    if "const" in option:
        return f"`{json.dumps(option['const'])}`"
    if "enum" in option:
        return ", ".join(f"`{value}`" for value in option["enum"])
    if "$ref" in option:
        target = schema["$defs"][option["$ref"].rsplit("/", 1)[-1]]
        return "section" if target.get("type") == "object" else one_kind(target, schema)
    name = option.get("type", "any")
    if name == "array":
        items = option.get("items")
        if items is None and "prefixItems" in option:
            return f"list of {len(option['prefixItems'])}"
        return "list of " + ("objects" if "$ref" in (items or {}) else f"{kind(items or {}, schema)}s")
    if name == "object":
        values = option.get("additionalProperties")
        return "object" if not isinstance(values, dict) else f"name: {kind(values, schema)}"
    if name == "string" and option.get("format") in ("date", "date-time"):
        return "date" if option["format"] == "date" else "date and time"
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {option[limit]:g}" for limit, sign in signs.items() if limit in option]
    pattern = f" `{option['pattern']}`" if "pattern" in option else ""
    return " ".join([name, ", ".join(limits)]).strip() + pattern


def _may_be_empty(described: dict[str, Any]) -> bool:
    """A list or a mapping that cannot be null."""
    types = {option.get("type") for option in described.get("anyOf", [described])}
    return "null" not in types and bool(types & {"array", "object"})


def shown(default: Any, *, is_section: bool = False, is_empty: bool = False) -> str:
    if default in ({}, [], "") or (default is None and is_empty):
        return "empty"
    return "" if default is None or is_section else f"`{json.dumps(default)}`"


def escaped(cell: str) -> str:
    """Text for a cell: no pipes, and angle brackets only within code."""
    parts = cell.replace("|", "\\|").split("`")
    return "`".join(part if place % 2 else part.replace("<", "&lt;") for place, part in enumerate(parts))


def commands() -> str:
    """Each command: how it is called, what it does, its arguments and options."""
    import typer

    from ig_tasks.cli import app

    group: Any = typer.main.get_command(app)
    lines: list[str] = []
    for name, command in group.commands.items():
        words = [item.metavar if item.param_type_name == "argument" else "[OPTIONS]" for item in command.params]
        call = " ".join([f"ig-tasks {name}", *dict.fromkeys(sorted(words, key=lambda word: word == "[OPTIONS]"))])
        lines += [f"### `{call}`", *wrapped(command.help), ""]
        for item in command.params:
            lines += wrapped(f"- `{option(item)}`: {item.help or ''}", hang="  ")
        lines.append("")
    return "\n".join(lines)


def option(item: Any) -> str:
    """An argument or option as one writes it: `SPEC`, `--store URI`, `--cross/--no-cross`, `--rows NUMBER`."""
    if item.param_type_name == "argument":
        return str(item.metavar)
    if getattr(item, "is_flag", False):
        return "/".join([item.opts[0], *item.secondary_opts[:1]])
    return f"{item.opts[0]} {item.metavar or 'NUMBER'}"


def wrapped(text: str | None, hang: str = "") -> list[str]:
    """`text` in lines of at most 120 characters."""
    words = " ".join((text or "").split())
    return textwrap.wrap(words, 120, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
