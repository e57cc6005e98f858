"""A run as its folder tells it: what it was made of, and its report."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import yaml

from ig_tasks.errors import ReportError
from ig_tasks.spec import ExplanationSpec
from ig_tasks.store.manifest import NAME as MANIFEST
from ig_tasks.store.manifest import Manifest
from ig_tasks.store.report import Report
from ig_tasks.store.runs import RunFolder

__all__ = ["StoredRun"]


class StoredRun:
    """A run that was begun, opened again by its folder alone. Nothing but the folder is read.

    Args:
        folder: of the run.

    Raises:
        ReportError: if there is no run.
        DamagedError: if its manifest is not what was written.
    """

    def __init__(self, folder: RunFolder) -> None:
        if not folder.exists(MANIFEST):
            raise ReportError(f"{folder.uri}: there is no run here; give the folder that holds manifest.json")
        self.manifest = Manifest(folder)
        self.folder = RunFolder(folder.uri, str(self.document.get("name", folder.name)), folder.run_id)

    @classmethod
    def at(cls, uri: str) -> StoredRun:
        """The run in the folder at a URI. Raises as the class does."""
        return cls(RunFolder(uri, "", uri.rstrip("/").rpartition("/")[2]))

    @property
    def document(self) -> Mapping[str, Any]:
        """What manifest.json holds: key_parts, versions, stages, attempts, digests of files."""
        return self.manifest.document

    @cached_property
    def spec(self) -> ExplanationSpec:
        """The resolved spec that the run was made with.

        Raises:
            DamagedError: if it is not what was written.
        """
        return ExplanationSpec.from_resolved(yaml.safe_load(self.manifest.read("spec.yaml")))

    @property
    def report(self) -> Report:
        """The newest revision of its report; an official one before those of trials.

        Raises:
            ReportError: if none is written yet.
            DamagedError: if it is not what was written.
        """
        return self.folder.read_report()

    @property
    def partition(self) -> str:
        """The partition explained; `all` for data without partitions."""
        return str(self.document.get("partition", "all"))

    @property
    def key_parts(self) -> Mapping[str, Any]:
        """Everything that decided the numbers: of this the run's key is made."""
        parts: Mapping[str, Any] = self.document["key_parts"]
        return parts

    @property
    def model_digest(self) -> str:
        """`sha256:<hex>` of the model package."""
        return str(self.key_parts["model"]["digest"])

    @property
    def baseline_digest(self) -> str:
        """`sha256:<hex>` of the baseline's values."""
        return str(self.key_parts["baseline"])
