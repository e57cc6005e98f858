"""The store: a folder for every run, on any filesystem that fsspec knows.

<store>/<name>/<run_id>/...         a run: spec, manifest, baseline, attributions, statistics, report
<store>/<name>/baselines/<digest>/  baselines, fitted once
<store>/<name>/models/<digest>.json what was seen when a worker tried the model
<store>/<name>/latest.json          the published run with the greatest partition, then time
<store>/_index/...                  what the report browser lists, see `index.py`
"""

from ig_tasks.store.folder import Folder
from ig_tasks.store.identity import canonical_json, digest_of, run_id_of, run_key
from ig_tasks.store.manifest import Manifest
from ig_tasks.store.runs import RunFolder, Store
from ig_tasks.store.sealed import read_sealed, set_aside, take_sealed, write_sealed

__all__ = [
    "Folder", "Manifest", "RunFolder", "Store",
    "canonical_json", "digest_of", "read_sealed", "run_id_of", "run_key", "set_aside", "take_sealed", "write_sealed",
]  # fmt: skip
