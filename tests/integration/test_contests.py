"""A whole contest on a tiny network, without any peer installed, and what is made of its results."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # where the benchmarks are a package

from benchmarks.contest import OURS, Attributed, Contest, Contestant, Options, run
from benchmarks.reference import DenseNet, exact
from benchmarks.results import Machine, Results

QUICK = Options(rows=40, quick=True, rounds=2, memory=False)


@pytest.fixture
def no_peers(monkeypatch) -> None:
    for name in ("captum", "captum.attr", "shap", "saliency", "saliency.core"):
        monkeypatch.setitem(sys.modules, name, None)


def tiny() -> tuple[DenseNet, np.ndarray]:
    random = np.random.default_rng(0)
    net = DenseNet.of(
        [(random.normal(size=(8, 4)), random.normal(size=8)), (random.normal(size=(1, 8)), [0.0])], "relu"
    )
    return net, random.normal(size=(40, 4)).astype(np.float32)


def test_torch_contest_goes_on_without_its_peers_and_says_so(no_peers) -> None:
    from benchmarks.dense_torch import DenseTorch

    suite = run(DenseTorch("tiny", "tiny", *tiny(), others=("shap", "saliency")), QUICK)
    assert [entry.key for entry in suite.entries] == [OURS]
    missing = [note.partition(" is not installed")[0] for note in suite.notes if "is not installed" in note]
    assert sorted(missing) == ["Captum", "SHAP", "saliency"]
    ours = suite.entries[0]
    assert len(ours.seconds) >= 2
    assert ours.rows == 40
    assert ours.accuracy.rows == 40
    assert ours.accuracy.p99 < 1e-5  # one layer with kinks: the engine is exact, and so is the reference
    assert (ours.converged, ours.accuracy.over_tolerance) == (1.0, 0.0)
    assert ours.times_products is not None


def test_keras_contest_beside_the_tutorial() -> None:
    from benchmarks.dense_keras import DenseKeras

    suite = run(DenseKeras("tiny", "tiny", *tiny()), QUICK)
    assert [entry.key for entry in suite.entries] == [OURS, "tutorial/published", "tutorial/compiled"]
    ours, published, compiled = suite.entries
    assert ours.accuracy.p99 < 1e-5
    assert published.accuracy.median == pytest.approx(compiled.accuracy.median, rel=1e-2)
    assert 1e-4 < published.accuracy.median < 0.1


HALF = "captum/50/all"


class Invented(Contest):
    """Seconds and attributions that a test chooses."""

    name = title = "invented"
    rows = 3

    def __init__(self) -> None:
        self.net, self.inputs = tiny()
        self.truth = exact(self.net, self.inputs[:3], np.zeros(4))

    def reference(self):
        return self.truth, "exact"

    def entrants(self):
        return [OURS, HALF]

    def more(self, found):
        self.notes = [f"{len(found)} took part before"]
        return ["captum/90/all"] if found[HALF].median > 0.4 else []

    def products(self):
        return 1e-9

    def contestant(self, key):
        def explain(rows):
            values = self.truth[:rows] * (0.5 if key == HALF else 1.0)
            claims = {"evaluations": np.full(rows, 4, np.int32), "converged": np.array([True, True, False])}
            return Attributed(values, **(claims if key == OURS else {}))

        return Contestant(key, OURS if key == OURS else "Peer", "as it is", 3, explain, None if key == OURS else 50)


@pytest.fixture(scope="module")
def results() -> Results:
    said = {"processor": "x86_64", "system": "Linux", "python": "3.11", "versions": {"torch": "2"}}
    machine = Machine(cores=2, memory_gigabytes=8, **said)
    return Results(machine=machine, threads=2, quick=True, seconds=60.0, suites=(run(Invented(), QUICK),))


def test_late_entries_depend_on_errors(results) -> None:
    (suite,) = results.suites
    assert [entry.key for entry in suite.entries] == [OURS, HALF, "captum/90/all"]
    assert [entry.accuracy.median for entry in suite.entries] == [0.0, 0.5, 0.0]
    assert suite.entries[0].converged == pytest.approx(2 / 3)
    assert [entry.evaluations for entry in suite.entries] == [4.0, 50.0, 50.0]
    assert suite.notes == ("2 took part before",)


def test_median_is_that_of_the_seconds(results) -> None:
    entry = results.suites[0].entries[0]
    assert entry.model_copy(update={"seconds": (3.0, 1.0, 2.0)}).median == 2.0
    assert entry.model_copy(update={"seconds": (4.0, 1.0, 2.0, 3.0)}).row_seconds == pytest.approx(2.5 / 3)


def test_a_batch_that_is_slower_than_the_defaults_is_not_a_peers_best(results) -> None:
    from benchmarks.tables import peer_at_its_best

    (suite,) = results.suites
    ours, default, late = suite.entries
    slow = late.model_copy(update={"seconds": (9.0,)})
    fast = default.model_copy(update={"seconds": (1.0,)})
    assert peer_at_its_best(suite.model_copy(update={"entries": (ours, fast, slow)})) is fast
    more = slow.model_copy(update={"evaluations": 90.0})
    assert peer_at_its_best(suite.model_copy(update={"entries": (ours, fast, more)})) is more


def test_results_come_back_from_their_file(results, tmp_path) -> None:
    results.write(tmp_path / "new" / "results.json")
    assert Results.read(tmp_path / "new" / "results.json") == results


def test_parts_of_the_document_are_made_anew_and_the_rest_stays(results) -> None:
    from benchmarks.render import parts, rewritten

    text = "before\n<!-- generated: summary -->\nold\n<!-- end -->\nafter\n"
    new = rewritten(text, parts(results))
    assert new.startswith("before\n<!-- generated: summary -->\n| model |")
    assert new.endswith("|\n<!-- end -->\nafter\n")
    assert rewritten(new, parts(results)) == new


def test_document_asks_for_every_part(results) -> None:
    import re

    from benchmarks.render import DOCUMENT, parts

    asked = re.findall(r"<!-- generated: (\w+) -->", DOCUMENT.read_text(encoding="utf-8"))
    assert sorted(asked) == sorted(parts(results))


def test_chart_has_a_bar_for_each_way_to_run_the_peer(results) -> None:
    from benchmarks.chart import chart, chart_data

    assert [item["peer"] for item in chart_data(results.suites)] == ["Peer", "Peer"]
    assert chart(results.suites).to_dict()["vconcat"][0]["title"] == "Times faster than Peer"


def test_every_suite_is_in_a_process_of_its_framework() -> None:
    from benchmarks.suites import SUITES

    assert {name: suite.process for name, suite in SUITES.items() if name.startswith("keras")} == {
        "keras-silu": "tensorflow",
        "keras-relu-64": "tensorflow",
        "keras-relu-256": "tensorflow",
    }
    assert {suite.process for name, suite in SUITES.items() if not name.startswith("keras")} == {"torch"}
