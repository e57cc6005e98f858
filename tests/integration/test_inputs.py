"""Every kind of input, in both frameworks: from the cells of a table to a report that adds up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from support.inputs import KINDS, table_of, write_inputs_package, write_inputs_project

import ig_tasks
from ig_tasks import pipeline
from ig_tasks.baselines.placing import PlacedBaseline
from ig_tasks.baselines.table import baseline_of_table
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.errors import TrustError
from ig_tasks.models import open_package
from ig_tasks.spec import ComputeSpec, load_spec

FRAMEWORKS = ("torch", "tensorflow")
FEATURES = {
    "text": ["text", "colour", "a", "b"],
    "bag": ["tags", "text", "colour"],
    "series": ["x", "y"],
    "image": [f"image[{row},{column}]" for row in range(2) for column in range(4)],
    "made": ["a", "b", "both", "colour"],
}


@pytest.fixture(scope="module")
def session() -> Any:
    """No workers: the kinds of input are the subject, and both frameworks are imported here anyway."""
    with ComputeSession(ComputeSpec(workers=0)) as opened:
        yield opened


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Any]:
    """{(kind, framework): the loaded model}; the two of a kind have the same weights."""
    root = tmp_path_factory.mktemp("twins")
    found = {}
    for kind in KINDS:
        for framework in FRAMEWORKS:
            folder = write_inputs_package(root / framework / kind, kind, framework)
            found[kind, framework] = ig_tasks.load_model(folder, trusted_root=root)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_torch_and_keras_agree_and_add_up(twins: Any, kind: str) -> None:
    frame, reference = table_of(24), table_of(80, seed=2)
    one, other = (
        ig_tasks.explain(twins[kind, framework], frame, baseline="auto", reference=reference, tolerance=1e-4)
        for framework in FRAMEWORKS
    )
    assert list(one.features) == list(other.features) == FEATURES[kind]
    assert one.matrix.shape == (24, len(FEATURES[kind]))
    scale = np.abs(one.matrix).sum(axis=1, keepdims=True)
    assert np.abs(one.matrix - other.matrix).max() <= 1e-4 * scale.max()
    for found in (one, other):
        assert (found.status == "converged").all()
        difference = found.output - found.baseline_output
        np.testing.assert_allclose(found.matrix.sum(axis=1), difference + found.convergence_delta, atol=1e-6)
        assert (found.relative_delta <= 1e-4).all()
        assert np.abs(difference).max() > 0.1


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_rows_with_padding_are_the_rows_alone(twins: Any, framework: str) -> None:
    frame = table_of(12)
    loaded = twins["text", framework]
    together = ig_tasks.explain(loaded, frame, tolerance=1e-6)
    for row in (0, 5, 11):
        alone = ig_tasks.explain(loaded, frame.iloc[[row]], tolerance=1e-6)
        size = np.abs(together.matrix[row]).sum()
        np.testing.assert_allclose(alone.matrix[0], together.matrix[row], rtol=0, atol=1e-5 * size)
        np.testing.assert_allclose(
            alone.attributions["ids"][0], together.attributions["ids"][row], rtol=0, atol=1e-5 * size
        )


def test_words_carry_their_attributions(twins: Any) -> None:
    frame = pd.DataFrame({"text": ["a dull film", "great"], "colour": ["red", "blue"], "a": [1.0, np.nan], "b": 0.5})
    found = ig_tasks.explain(twins["text", "torch"], frame)
    pairs = found.words(0)
    assert [word for word, _ in pairs] == ["(unknown)", "dull", "film"]
    assert sum(part for _, part in pairs) == pytest.approx(found.matrix[0, 0], abs=1e-9)
    # Padding stands at its own baseline.
    assert np.abs(found.attributions["ids"][0, 3:]).max() == 0
    assert found.details["quarantined"] == {1: "missing value in a"}
    assert found.words(1) == []


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_run(tmp_path: Path, session: Any, kind: str, framework: str) -> None:
    frame = table_of(120)
    spoilt = {"text": "text", "bag": "colour", "series": "x", "image": "image", "made": "a"}[kind]
    frame[spoilt] = [None if row == 7 else value for row, value in enumerate(frame[spoilt])]
    spec = load_spec(write_inputs_project(tmp_path, kind, framework, frame))
    lines: list[str] = []
    ref = pipeline.load_model(spec, session=session, log=lines.append)
    ref = pipeline.build_baseline(spec, ref, session=session, log=lines.append)
    ref = pipeline.compute_attributions(spec, ref, session=session, log=lines.append)
    ref = pipeline.publish_report(spec, pipeline.validate(spec, ref, log=lines.append), log=lines.append)
    folder = Path(ref["run_uri"])
    report = json.loads((folder / "report.json").read_text())
    reason = "value in made is not finite" if kind == "made" else f"missing value in {spoilt}"
    assert report["data"]["quarantine_reasons"] == {reason: 1}
    assert report["data"]["rows_explained"] == 119
    assert {item["feature"] for item in report["importance"]} == set(FEATURES[kind])
    rows = pq.read_table(folder / "attributions").to_pandas()
    matrix = rows[[f"attribution:{name}" for name in FEATURES[kind]]].to_numpy()
    difference = (rows["output"] - rows["baseline_output"]).to_numpy()
    np.testing.assert_allclose(matrix.sum(axis=1) - difference, rows["convergence_delta"], atol=1e-6)
    assert (rows["relative_delta"] <= 0.01).all()
    # One row, computed anew in this process, is the stored row.
    again = ig_tasks.open_run(ref["run_uri"], trusted_root=tmp_path).explain("r0003")
    stored = rows[rows["row_id"] == "r0003"]
    np.testing.assert_allclose(again.matrix[0], matrix[stored.index[0]], atol=1e-5)
    if kind == "text":
        row = stored.iloc[0]
        assert row["input:text"] == frame["text"][3]
        assert list(row["tokens:ids"]) == frame["text"][3].split()
        assert sum(row["token_attributions:ids"]) == pytest.approx(row["attribution:text"], abs=1e-6)
        assert "word by word" in (folder / "report.html").read_text()
        assert len(report["examples"][0]["tokens"][0]["words"]) >= 1
    if kind == "bag":
        row = stored.iloc[0]
        assert row["input:tags"] == frame["tags"][3].replace("|", ", ")
        assert list(row["tokens:tags"]) == frame["tags"][3].split("|")
    if kind in ("image", "series"):
        assert rows[f"input:{FEATURES[kind][0]}"].isna().all()
    if kind == "image":
        (heatmap,) = report["examples"][0]["heatmaps"]
        assert [len(cells) for cells in heatmap["rows"]] == [4, 4]


def test_a_table_of_ones_own_goes_through_the_packages_code(tmp_path: Path, twins: Any) -> None:
    package = twins["made", "torch"].package
    row = pd.DataFrame({"a": [2.0], "b": [3.0], "colour": ["green"]})
    row.to_parquet(tmp_path / "baseline.parquet", index=False)
    own = baseline_of_table(str(tmp_path / "baseline.parquet"), package.config.inputs, package.preprocess)
    placed = PlacedBaseline.of(own, package.config.inputs, lambda _layer, ids: np.eye(4)[ids])
    assert placed.points[0]["made"].tolist() == [2.0, 3.0, 6.0]
    frame = table_of(4)
    found = ig_tasks.explain(twins["made", "torch"], frame, baseline=row)
    np.testing.assert_allclose(found.baseline_output, found.baseline_output[0], atol=1e-6)


def test_preprocess_is_code_and_runs_where_code_may_run(tmp_path: Path) -> None:
    folder = write_inputs_package(tmp_path / "made", "made", "tensorflow")
    package = open_package(folder, trusted_root=tmp_path)
    assert package.config.runs_code
    with pytest.raises(TrustError, match=f"runs code and lies outside .* add `trust: {package.digest}`"):
        open_package(folder, trusted_root=tmp_path / "elsewhere")
    assert open_package(folder, trust=package.digest).encode(table_of(3)).inputs["made"].shape == (3, 3)
    (folder / "prepare.py").write_text("def encode(frame):\n    return {}\n")
    with pytest.raises(TrustError, match="has changed"):
        open_package(folder, trust=package.digest)
