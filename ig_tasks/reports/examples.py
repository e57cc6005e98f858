"""A few rows to show whole: spread over the model's output, from the lowest to the highest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ig_tasks.stages.shard_summary import ShardSummary
from ig_tasks.store import Folder
from ig_tasks.store.report import Contribution, Example, Heatmap, Passage, Word

_ATTRIBUTION, _INPUT = "attribution:", "input:"
_TOKENS, _PARTS = "tokens:", "token_attributions:"

Grids = Mapping[str, Sequence[Sequence[str]]]
"""{input of images: the features of its grid's cells, row by row}"""


def choose_examples(
    run: Folder,
    files: Sequence[str],
    summary: ShardSummary,
    number: int,
    grids: Grids | None = None,
    features: Mapping[str, Sequence[str]] | None = None,
) -> list[Example]:
    """For `number` evenly spaced quantiles of the output, the row whose output is nearest to it.

    Only the column of outputs is read to choose, a file at a time; then the chosen rows.
    `features` are the names of each input's features.
    """
    if not number or not summary.rows_explained:
        return []
    target, outputs = next(iter(summary.outputs.items()))
    levels = [0.5] if number == 1 else [place / (number - 1) for place in range(number)]
    wanted = np.array([float(outputs.quantile(level)[0]) for level in levels])
    nearest: list[tuple[float, str, int] | None] = [None] * number
    for file in files:
        column = run.read_table(file, columns=["output"]).column("output").to_numpy()
        if not len(column):
            continue
        for place, value in enumerate(wanted):
            distances = np.abs(column - value)
            row = int(np.argmin(distances))
            best = nearest[place]
            if best is None or distances[row] < best[0]:
                nearest[place] = (float(distances[row]), file, row)
    examples: list[Example] = []
    chosen_rows: set[tuple[str, int]] = set()
    for level, place_of_row in zip(levels, nearest, strict=True):
        if place_of_row is not None and place_of_row[1:] not in chosen_rows:
            chosen_rows.add(place_of_row[1:])
            row_values = _read_row(run, place_of_row[1], place_of_row[2])
            examples.append(example_of(row_values, target, _chosen(level), grids or {}, features or {}))
    return examples


def _read_row(run: Folder, file: str, row: int) -> dict[str, Any]:
    values: dict[str, Any] = run.read_table(file).slice(row, 1).to_pylist()[0]
    return values


def _chosen(level: float) -> str:
    words = {0.0: "lowest output", 0.5: "median output", 1.0: "highest output"}
    return words.get(level, f"output at its {100 * level:.0f} % quantile")


def example_of(
    row: Mapping[str, Any], target: str, chosen: str, grids: Grids, features: Mapping[str, Sequence[str]]
) -> Example:
    """A stored row of attributions as an example.

    Args:
        row: {column: what it holds}.
        target: the target explained.
        chosen: why it is shown.
        grids: the features of images' cells.
        features: the names of each input's features.
    """
    explained = [name.removeprefix(_ATTRIBUTION) for name in row if name.startswith(_ATTRIBUTION)]
    contributions = [
        Contribution(feature=name, value=row.get(_INPUT + name), attribution=row[_ATTRIBUTION + name])
        for name in explained
    ]
    return Example(
        row_id=row["row_id"],
        target=target,
        output=row["output"],
        baseline_output=row["baseline_output"],
        convergence_delta=row["convergence_delta"],
        status=row["status"],
        chosen=chosen,
        contributions=tuple(sorted(contributions, key=lambda item: -abs(item.attribution or 0.0))),
        tokens=tuple(_passages(row, features)),
        heatmaps=tuple(
            Heatmap(input=name, rows=tuple(tuple(row[_ATTRIBUTION + cell] for cell in cells) for cells in grid))
            for name, grid in grids.items()
        ),
    )


def _passages(row: Mapping[str, Any], features: Mapping[str, Sequence[str]]) -> list[Passage]:
    """Every text and bag of the row, where its tokens were kept."""
    names = [name.removeprefix(_TOKENS) for name in row if name.startswith(_TOKENS)]
    return [
        Passage(
            input=name,
            feature=features[name][0] if len(features.get(name, ())) == 1 else "",
            words=tuple(
                Word(text=text, attribution=part)
                for text, part in zip(row[_TOKENS + name], row[_PARTS + name], strict=True)
            ),
        )
        for name in names
        if row[_TOKENS + name] is not None
    ]
