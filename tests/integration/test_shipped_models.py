"""The shipped specs of text, images and several kinds of inputs at once, end to end on their real data."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from support import docs, programs
from support.undrawn import charts_undrawn

import ig_tasks
from ig_tasks import cli, pipeline
from ig_tasks.cluster.session import ComputeSession
from ig_tasks.errors import DataError
from ig_tasks.models.config import read_config
from ig_tasks.spec import ComputeSpec, load_spec

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / ".data"
SPECS = ROOT / "include" / "specs"
NAMES = ["reviews_text", "reviews_multimodal", "digits_image"]
ROWS = 240
SIDE = 4
EXAMPLES = ROOT / "docs" / "bring_your_model" / "examples.md"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all((DATA / name / "_dataset.json").exists() for name in ("reviews", "digits")),
        reason="needs the reviews and the digits: make samples",
    ),
]


@pytest.fixture(scope="module")
def session():
    with ComputeSession(ComputeSpec(workers=0)) as opened:
        yield opened


@pytest.fixture(scope="module")
def published(tmp_path_factory, session):
    """{spec: (report, table of attributions)} of a sample of the held-out rows."""
    store = tmp_path_factory.mktemp("store")
    found = {}
    for name in NAMES:
        # The commands of the page, below, make the table of baselines, and draw.
        fewer = {"data.sample": ROWS, "verdicts.unstable.rows": 0}
        spec = load_spec(SPECS / f"{name}.yaml", settings={"store": str(store), **fewer})
        ref = pipeline.load_model(spec, session=session, log=lambda _: None)
        ref = pipeline.build_baseline(spec, ref, session=session, log=lambda _: None)
        ref = pipeline.compute_attributions(spec, ref, session=session, log=lambda _: None)
        ref = pipeline.validate(spec, ref, session=session, log=lambda _: None)
        with charts_undrawn():
            ref = pipeline.publish_report(spec, ref, log=lambda _: None)
        shards = sorted((Path(ref["run_uri"]) / "attributions").glob("*.parquet"))
        table = pd.concat([pq.read_table(shard).to_pandas() for shard in shards], ignore_index=True)
        found[name] = (json.loads(Path(ref["report_uri"]).read_text()), table)
    return found


def sizes(report):
    return {row["feature"]: row["abs_mean"] for row in report["importance"]}


def held_out(name):
    return pq.read_table(DATA / name / "split=test" / "part-0.parquet", partitioning=None).to_pandas()


@pytest.mark.parametrize("name", NAMES)
def test_every_row_is_explained_and_every_check_passes(name, published):
    report, table = published[name]
    data = report["data"]
    assert (report["state"], report["partition"]) == ("published", "test")
    assert data["rows_read"] == data["rows_explained"] == len(table) == ROWS
    assert data["rows_quarantined"] == 0
    assert {check["name"] for check in report["checks"]} >= {"completeness", "converged", "quarantined"}
    assert all(check["success"] for check in report["checks"])
    assert report["completeness"]["converged_fraction"] == 1.0
    assert report["completeness"]["max_relative_delta"] <= 0.01


@pytest.mark.parametrize("name", NAMES)
def test_the_attributions_of_the_features_sum_to_the_output_less_that_of_the_baseline(name, published):
    _, table = published[name]
    parts = [column for column in table.columns if column.startswith("attribution:")]
    delta = table[parts].sum(axis=1) - (table["output"] - table["baseline_output"])
    np.testing.assert_allclose(delta, table["convergence_delta"], atol=1e-9)
    assert table["relative_delta"].max() <= 0.01
    assert (delta.abs() <= 0.01 * np.maximum(1.0, (table["output"] - table["baseline_output"]).abs())).all()


@pytest.mark.parametrize("name", ["reviews_text", "reviews_multimodal"])
def test_the_outputs_are_those_of_the_model_on_arrays_made_without_ig_tasks(name, published):
    import torch
    from safetensors.torch import load_file

    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from include.models.architecture_reviews import build
    from include.models.reviews_data import package_arrays

    package = SPECS.parent / "models" / name
    model = build(**read_config(package).arguments).eval()
    model.load_state_dict(load_file(package / "weights.safetensors"))
    _, table = published[name]
    rows = held_out("reviews").set_index("review_id").loc[table["row_id"]]
    with torch.inference_mode():
        logits = model(**{key: torch.from_numpy(array) for key, array in package_arrays(rows, package).items()})
    np.testing.assert_allclose(table["output"], logits.numpy()[:, 0], rtol=1e-4, atol=1e-4)


def test_a_review_says_more_than_its_title_and_both_say_much(published):
    report, table = published["reviews_text"]
    size = sizes(report)
    assert list(size) == ["review", "title"]
    assert size["title"] > 0.3 * size["review"]
    untitled = table[table["input:title"] == "untitled"]
    assert len(untitled) > 10
    assert untitled["attribution:title"].abs().mean() < 0.5 * size["title"]


def test_words_of_praise_raise_the_output_and_words_of_regret_lower_it(published):
    _, table = published["reviews_text"]
    pair = ["tokens:review", "token_attributions:review"]
    words = table[pair].explode(pair).astype({"token_attributions:review": float})
    mean = words.groupby("tokens:review")["token_attributions:review"].mean()
    assert min(mean[word] for word in ("love", "perfect", "comfortable")) > 0.1
    assert max(mean[word] for word in ("unfortunately", "disappointed", "returned")) < -0.1
    # The padding is kept out of the path: what the words have is what the feature has.
    by_row = table["token_attributions:review"].map(sum)
    np.testing.assert_allclose(by_row, table["attribution:review"], rtol=1e-6, atol=1e-6)


def test_the_text_leads_the_multimodal_model_and_each_other_part_says_something(published):
    report, _ = published["reviews_multimodal"]
    size = sizes(report)
    assert set(size) == {"review", "department", "garment", "age", "helpful_votes"}
    assert report["importance"][0]["rank_ci"] == [1, 1]
    assert next(iter(size)) == "review"
    assert size.pop("review") > 20 * max(size.values())
    assert min(size.values()) > 0


def test_the_edges_of_the_digits_matter_least_and_an_eight_is_told_by_its_ink(published):
    report, table = published["digits_image"]
    size = sizes(report)
    assert len(size) == SIDE * SIDE
    edges = {f"image[{row},{column}]" for row in range(SIDE) for column in (0, SIDE - 1)}
    assert set(list(size)[-len(edges) :]) == edges
    # Blank paper is no digit; ink makes an eight of it, or something else.
    assert report["baseline"]["output"] < -2
    parts = [column for column in table.columns if column.startswith("attribution:")]
    moved = table[parts].sum(axis=1).groupby(table["segment:digit"]).mean()
    assert moved["8"] > 5
    assert moved.drop("8").max() < 1


@pytest.mark.parametrize(("name", "labels"), [("reviews_text", ["Review", "Title"]), ("digits_image", ["Top, left"])])
def test_features_have_labels_for_people(name, labels, published):
    report, _ = published[name]
    spec = load_spec(SPECS / f"{name}.yaml")
    assert {row["feature"] for row in report["importance"]} == spec.features.keys()
    assert {spec.features[feature].label for feature in spec.features} >= set(labels)


def test_a_notebook_explains_a_table_of_reviews_by_the_same_package():
    package = ig_tasks.load_model(SPECS.parent / "models" / "reviews_multimodal", trusted_root=ROOT)
    rows = held_out("reviews").head(12)
    explanation = ig_tasks.explain(package, rows, baseline="auto", reference=held_out("reviews").tail(500))
    assert set(explanation.status) == {"converged"}
    assert explanation.matrix.shape == (12, 5)
    change = explanation.output - explanation.baseline_output
    np.testing.assert_allclose(explanation.matrix.sum(axis=1), change + explanation.convergence_delta, atol=1e-6)
    assert explanation.features[0] == "review"


@pytest.mark.parametrize("name", ["reviews_text", "reviews_multimodal"])
def test_the_same_weights_in_keras_have_the_same_attributions(name, tmp_path):
    """Text, categories and numbers in one model, in both frameworks, to 1e-4 of what moves a row."""
    converted = tmp_path / "converted"
    package = SPECS.parent / "models" / name
    programs.python("include/models/convert_reviews.py", str(package), "--to", str(converted))
    rows, reference = held_out("reviews").head(40), held_out("reviews").tail(400)
    torch_one, keras_one = (
        ig_tasks.explain(
            ig_tasks.load_model(folder, trusted_root=ROOT), rows, baseline="auto", reference=reference, tolerance=1e-4
        )
        for folder in (package, converted)
    )
    np.testing.assert_allclose(keras_one.output, torch_one.output, rtol=1e-4, atol=1e-4)
    assert set(torch_one.status) == set(keras_one.status) == {"converged"}
    assert keras_one.features == torch_one.features
    moved = np.abs(torch_one.matrix).sum(axis=1, keepdims=True)
    assert np.abs((keras_one.matrix - torch_one.matrix) / moved).max() < 1e-4
    for text in {"title", "review"} & torch_one.attributions.keys():
        tokens = np.abs(torch_one.attributions[text]).sum(axis=1, keepdims=True)
        apart = np.abs(keras_one.attributions[text] - torch_one.attributions[text])
        assert (apart <= 1e-4 * np.maximum(tokens, moved)).all()


def test_data_that_is_not_there_is_one_line_that_says_so(tmp_path):
    spec = load_spec(SPECS / "reviews_text.yaml", settings={"data.uri": str(tmp_path), "store": str(tmp_path / "s")})
    with pytest.raises(
        DataError, match=r"there are no Parquet files; check the path, or prepare the data first"
    ) as said:
        pipeline.load_model(spec, log=lambda _: None)
    assert "\n" not in str(said.value)


def test_the_dag_folder_takes_them_without_looking_at_their_data(monkeypatch):
    pytest.importorskip("airflow.sdk")
    from ig_tasks.orchestration import ig_dags

    monkeypatch.delenv("IG_TASKS_SPECS", raising=False)
    dags = {dag.dag_id: dag for dag in ig_dags(SPECS)}
    assert {f"ig_{name}" for name in NAMES} < dags.keys()
    for name in NAMES:
        assert "broken-spec" not in dags[f"ig_{name}"].tags


def test_the_commands_of_the_examples_run_and_say_what_the_page_says(tmp_path, monkeypatch, capsys):
    """As the page has them, on fewer rows and without workers."""
    lines = [words for block in docs.blocks(EXAMPLES) if block.language == "sh" for words in block.commands()]
    assert lines[0] == ["make", "samples"]
    assert lines[1:] == [["ig-tasks", "run", f"include/specs/{name}.yaml"] for name in NAMES]
    few = ["--store", str(tmp_path), "--set", "data.sample=40", "--set", "compute.workers=0"]
    monkeypatch.chdir(ROOT)
    for name, words in zip(NAMES, lines[1:], strict=True):
        code, (output, errors) = cli._run([*words[1:], *few]), capsys.readouterr()
        assert code == 0, errors
        assert Path(output.splitlines()[-1]).parent.parent == tmp_path / name


def test_the_examples_show_what_is_in_the_packages():
    text = EXAMPLES.read_text(encoding="utf-8")
    for name in NAMES:
        card = read_config(SPECS.parent / "models" / name).card.model_extra["test"]
        figure = f"AUC {card['auc']:.3f}" if "auc" in card else f"{card['accuracy']:.1%} right".replace("%", " %")
        assert f"| {figure} |" in text, name
        assert f"`ig_{name}`" in text
    shown = [yaml.safe_load(block.text) for block in docs.blocks(EXAMPLES) if block.language == "yaml"]
    for name, part in zip(["reviews_text", "digits_image"], shown, strict=True):
        whole = yaml.safe_load((SPECS.parent / "models" / name / "model.yaml").read_text())
        for key, described in part.pop("inputs").items():
            assert described.items() <= whole["inputs"][key].items()
        assert part.items() <= whole.items()
    files = [target.partition("#")[0] for target in docs.links(EXAMPLES)]
    assert [file for file in files if not (EXAMPLES.parent / file).exists()] == []
