"""A finished run, opened again: its report, its rows, and one row computed anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ig_tasks.baselines.fitted import Baseline
from ig_tasks.baselines.segments import segments_of
from ig_tasks.data.dataset import Dataset
from ig_tasks.data.encoding import Encoded
from ig_tasks.data.features import feature_values
from ig_tasks.data.shards import plan_shards, read_shard, row_ids
from ig_tasks.data.tokens import tokens_of
from ig_tasks.errors import ModelError, RunError, TrustError, brief
from ig_tasks.explanations.explanation import Explanation
from ig_tasks.explanations.prepared_model import PreparedModel
from ig_tasks.explanations.shap_fields import require_shap, shap_fields
from ig_tasks.explanations.stored_pictures import StoredPictures
from ig_tasks.explanations.stored_row import stored_row
from ig_tasks.models import ModelPackage, open_package
from ig_tasks.models.kept_packages import open_kept
from ig_tasks.models.loss import is_loss
from ig_tasks.models.outcomes import labelled
from ig_tasks.spec import ExplanationSpec
from ig_tasks.store import Folder, RunFolder
from ig_tasks.store.report import Report
from ig_tasks.store.stored_run import StoredRun

_READ_ROWS = 65536

_LIKE = 1e-3
"""How far an output may lie from the stored one, of its size and that of its attributions: machines differ in less."""

_ATTRIBUTION, _INPUT = "attribution:", "input:"


class Ablation(NamedTuple):
    """Outputs (sets of features, baselines) with each set at each baseline, and what each baseline counts."""

    outputs: NDArray[np.float64]
    shares: NDArray[np.float64]


class FinishedRun(StoredPictures):
    """A run in the store, by the URI of its folder.

    trusted_root, trust: whose code may run when its model is loaded. What the folder itself says of that counts for
    nothing: whoever can write to the store could have written it.

    Raises:
        ReportError: if there is no run at this URI.
    """

    def __init__(self, uri: str, *, trusted_root: str | Path, trust: str | None = None) -> None:
        self._trusted_root, self._trust = Path(trusted_root), trust
        self._stored = StoredRun.at(uri)
        self.folder = self._stored.folder
        self.manifest = self._stored.document

    def __repr__(self) -> str:
        return f"FinishedRun({self.folder.uri!r}, partition {self.manifest.get('partition', 'all')})"

    @cached_property
    def spec(self) -> ExplanationSpec:
        """The resolved spec that the run was made with."""
        return self._stored.spec

    @property
    def report(self) -> Report:
        """The newest revision of its report; an official one before those of trials."""
        return self._stored.report

    def row(self, row_id: str) -> pd.Series:
        """The stored row of attributions; `.attrs["status"]` says what its status means, empty where it converged.

        Raises:
            InputError: if the run has no such row, or it is in quarantine.
            DamagedError: if a file that says so is not what was written.
        """
        return stored_row(self.folder, self._verified, row_id, method=self.spec.attribution.method)

    def to_shap(self, target: str | None = None, *, rows: int | None = None) -> Any:
        """A `shap.Explanation` of the stored rows, for SHAP's plots; nothing is computed anew.

        Args:
            target: which of several targets; None: the first.
            rows: at most so many, spread evenly over all; None: all of them.

        Raises:
            InputError: if shap is not installed, or the target has no row.
            DamagedError: if a file of the run is not what was written.
        """
        shap = require_shap()
        return shap.Explanation(**shap_fields(self._verified, self._files, target, rows))

    def explain(self, row_id: str) -> Explanation:
        """Compute one row anew, from the data, with the run's model, baseline and settings.

        Raises:
            InputError: if the run has no such row.
            TrustError: if the model's code lies elsewhere than in the trusted folder, and is not trusted by its digest.
            RunError: if the model package or the row's data is no longer there as it was.
        """
        stored = self.row(row_id)
        package, prepared = self._prepared
        frame, encoded, segments = self._encoded(row_id)
        result = prepared.attribute(
            encoded.inputs,
            self.spec.attribution,
            memory_limit=self._memory_limit,
            fixed=encoded.fixed,
            segments=segments,
        )
        values = feature_values(frame, package.features, package.config.inputs)
        values_by_feature = dict(zip((feature.name for feature in package.features), values[0], strict=True))
        _require_same(row_id, stored, values_by_feature, float(np.asarray(result.output)[0]))
        tokens = tokens_of(encoded.inputs, encoded.token_masks, package.config.inputs)
        asked = prepared.asked(encoded, self.spec.attribution, self._memory_limit, segments, frame)
        return replace(Explanation.of_features(result, package.features, values, [row_id], tokens=tokens), asked=asked)

    def ablate(self, row_id: str, together: Sequence[Sequence[str]]) -> Ablation:
        """The model's output at one row with some of its features at the baseline, all others as they are.

        Args:
            together: names of features that are held at the baseline at once, set by set.

        Raises:
            UserError: as `explain` raises it.
        """
        stored = self.row(row_id)
        package, prepared = self._prepared
        frame, encoded, segments = self._encoded(row_id)
        output = prepared.loaded.output(encoded.arrays, self.spec.model.target, self.spec.model.space)
        values = feature_values(frame, package.features, package.config.inputs)[0]
        values_by_feature = dict(zip((feature.name for feature in package.features), values, strict=True))
        _require_same(row_id, stored, values_by_feature, float(output[0]))
        outputs_of_sets = prepared.ablated(
            encoded.inputs,
            self.spec.attribution,
            memory_limit=self._memory_limit,
            fixed=encoded.fixed,
            segments=segments,
            together=together,
        )
        outputs = np.array([np.concatenate(of_set) for of_set in outputs_of_sets])
        shares = prepared.baseline.shares
        count = outputs.shape[1]
        return Ablation(outputs, np.full(count, 1.0 / count) if shares is None else np.asarray(shares))

    @property
    def _memory_limit(self) -> int:
        return int(self.manifest["batch_plan"]["memory_limit"])

    def _encoded(self, row_id: str) -> tuple[pd.DataFrame, Encoded, dict[str, NDArray[np.object_]]]:
        """The row as it stands in the data, as the model takes it, and its level of the baseline's segment."""
        package, prepared = self._prepared
        segment = [prepared.segment] if prepared.segment else []
        frame = self._read(row_id, [*package.columns, *segment])
        encoded = package.encode(frame)
        if not encoded.keep.all():
            raise RunError(f"row_id {row_id!r}: the data has changed since the run ({encoded.reasons[0]})")
        return frame, encoded, segments_of(frame, segment)

    @cached_property
    def _verified(self) -> RunFolder:
        return self.folder.checked(self.manifest.get("files", {}))

    @cached_property
    def _prepared(self) -> tuple[ModelPackage, PreparedModel]:
        model = self.spec.model
        try:
            package = open_package(model.uri, trust=self._trust, trusted_root=self._trusted_root)
        except TrustError:
            raise TrustError(
                f"model package {model.uri} runs code and lies outside {self._trusted_root}; if you trust it, give "
                "open_run trusted_root= or trust="
            ) from None
        package = self._as_it_was(package)
        if is_loss(model.space) and self.spec.data.label is not None:
            package = labelled(package, self.spec.data.label, model.target)
        baseline = Baseline.of_run(self.folder, package.config.inputs)
        return package, PreparedModel.of(package.load(), model.target, model.space, baseline)

    def _as_it_was(self, package: ModelPackage) -> ModelPackage:
        """The package of the run, which was kept in the store if another one stands in its place."""
        digest = self.manifest["key_parts"]["model"]["digest"]
        if package.digest == digest:
            return package
        names = Folder(self.folder.uri.rpartition("/")[0])
        try:
            return open_kept(names, digest, trusted=[self._trust] if self._trust else [], like=[package])
        except ModelError as error:
            another = f"model package {package.uri} is not the one of the run any more; its digest differs"
            raise RunError(f"{another}, and {brief(error)}") from None

    def _read(self, row_id: str, columns: list[str]) -> pd.DataFrame:
        """The row as it stands in the data: found by its id column, else by its file and number."""
        data = self.spec.data
        dataset = Dataset(data.uri, data.partition)
        wanted = list(dict.fromkeys([*columns, *([data.id] if data.id else [])]))
        for shard in plan_shards(dataset, dataset.files(self.manifest["partition"]), _READ_ROWS):
            frame = read_shard(shard, wanted)
            positions = np.flatnonzero(row_ids(frame, data.id) == row_id)
            if len(positions):
                return frame.iloc[positions[:1]]
        raise RunError(f"row_id {row_id!r} is no longer in {data.uri}")


def _require_same(row_id: str, stored: pd.Series, values: Mapping[str, Any], output: float) -> None:
    """Refuse a row that is not the one that was explained: another number in its inputs, or another output.

    Raises:
        RunError: saying what differs.
    """
    for name, value in values.items():
        before = stored.get(f"{_INPUT}{name}")
        numbers = isinstance(before, float) and isinstance(value, int | float | np.number) and not pd.isna(before)
        if numbers and float(value) != before:
            raise RunError(f"row_id {row_id!r}: the data has changed since the run ({name} was {before:g})")
    size = abs(stored["output"]) + abs(stored.filter(like=_ATTRIBUTION).astype(float)).sum()
    if abs(output - stored["output"]) > _LIKE * size:
        raise RunError(
            f"row_id {row_id!r}: the data has changed since the run (its output is {output:.6g}, and was "
            f"{stored['output']:.6g})"
        )


def open_run(uri: str, *, trusted_root: str | Path | None = None, trust: str | None = None) -> FinishedRun:
    """Open a finished run by the URI of its folder; `open_run(uri).explain(row_id)` computes one row anew.

    Args:
        trusted_root: the folder whose code may run, the working folder unless given (as for `load_model`).
        trust: digest (`sha256:...`) of a model package from elsewhere whose code may run.

    Raises:
        ReportError: if there is no run at this URI.
    """
    return FinishedRun(uri, trusted_root=trusted_root or Path.cwd(), trust=trust)
