"""Many rows of 1,000 columns within a memory limit, over the inputs and the attributions themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from support.patience import PATIENCE
from support.sweeps import sized

COLUMNS = 1_000
# One copy of the rows, of 0.16 or 0.8 GB, is beyond the limit in either size.
ROWS, LIMIT = sized((40_000, 128 << 20), (200_000, 512 << 20))
SCRIPT = """
import json, resource, sys
import numpy as np
from ig_tasks.attribution import attribute

framework, rows, columns, limit = sys.argv[1], *map(int, sys.argv[2:])
if framework == "torch":
    import torch
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers = [torch.nn.Linear(columns, 64), torch.nn.GELU(), torch.nn.Linear(64, 32), torch.nn.GELU()]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(32, 1))
else:
    import keras
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense
    model = keras.Sequential([keras.Input((columns,)), dense(64, "gelu"), dense(32, "gelu"), dense(1)])
generator = np.random.default_rng(0)
inputs = np.empty((rows, columns), np.float32)
for start in range(0, rows, 5_000):
    inputs[start : start + 5_000] = generator.standard_normal((5_000, columns), dtype=np.float32)
baseline = np.zeros(columns, np.float32)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

attribute(model, inputs[:2_000], baseline, memory_limit=limit)  # imports, tracing
before = peak()
found = attribute(model, inputs, baseline, memory_limit=limit)
print(json.dumps({
    "over": peak() - before - found.attributions.nbytes,
    "rows": len(found),
    "converged": int((found.status == "converged").sum()),
}))
"""


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
def test_wide_and_long_inputs_stay_within_the_limit(framework: str) -> None:
    pytest.importorskip("torch" if framework == "torch" else "keras")
    arguments = [framework, str(ROWS), str(COLUMNS), str(LIMIT)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=2 * PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["rows"] == ROWS
    assert found["converged"] == ROWS
    assert found["over"] <= LIMIT
