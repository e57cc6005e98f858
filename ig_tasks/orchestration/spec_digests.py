"""Whether a spec stayed the same from the first task of a run to the last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from ig_tasks.errors import SpecError
from ig_tasks.spec import ExplanationSpec

__all__ = ["refuse_changed", "spec_digests"]

_DECIDING = ("name", "model", "data", "baseline", "attribution", "store")


def spec_digests(spec: ExplanationSpec) -> dict[str, str]:
    """A short digest of each section that decides the numbers."""
    document = spec.to_document()
    texts = {key: json.dumps(document[key], sort_keys=True) for key in (*_DECIDING, "partition")}
    texts["compute.shard_rows"] = str(spec.compute.shard_rows)
    return {key: hashlib.sha256(text.encode()).hexdigest()[:8] for key, text in texts.items()}


def refuse_changed(digests: Mapping[str, str], before: Mapping[str, str]) -> None:
    """Half a run by one spec and half by another would publish numbers under the wrong name.

    Raises:
        SpecError: if the spec was changed since the run's first task.
    """
    changed = sorted(key for key in digests if before.get(key, digests[key]) != digests[key])
    if changed:
        raise SpecError(f"{', '.join(changed)}: changed since this run began; clear the run from load_model on")
