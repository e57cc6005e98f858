"""The weights of a torch package in the Keras architecture: one trained model, two frameworks.

python include/models/convert.py include/models/flights_torch --to some/folder
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def convert(package: Path, to: Path) -> None:
    """Write to the new folder `to` a Keras package of the same inputs, targets and numbers as the torch `package`."""
    from safetensors.numpy import load_file

    from include.models.architecture_keras import build

    config: dict[str, Any] = yaml.safe_load((package / "model.yaml").read_text(encoding="utf-8"))
    weights = load_file(package / config["weights"])
    given = config["arguments"]
    model = build(weights["mean"], weights["std"], given["categories"], given["hidden"], given["activation"])
    for name in given["categories"]:
        model.get_layer(f"embed_{name}").set_weights([weights[f"embed_{name}.weight"]])
    for name in [*(f"hidden_{index}" for index in range(len(given["hidden"]))), "output"]:
        # torch keeps (units, inputs), Keras (inputs, units).
        model.get_layer(name).set_weights([weights[f"{name}.weight"].T, weights[f"{name}.bias"]])
    to.mkdir(parents=True)
    model.save(to / "model.keras")
    shutil.copyfile(package / "vocabulary.json", to / "vocabulary.json")
    for key in ("factory", "arguments"):
        del config[key]
    config |= {"framework": "tensorflow", "weights": "model.keras"}
    config["card"]["name"] += ", converted to Keras"
    (to / "model.yaml").write_text(yaml.safe_dump(config, sort_keys=False, width=110), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="A torch package of the demo as a Keras package")
    parser.add_argument("package", type=Path, help="the torch package")
    parser.add_argument("--to", type=Path, required=True, help="the new folder")
    given = parser.parse_args(arguments)
    if given.to.exists():
        parser.error(f"--to: '{given.to}' is there already")
    convert(given.package, given.to)
    print(f"convert: wrote '{given.to}'")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
