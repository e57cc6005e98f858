"""Make the reference of MiniLM anew: `python -m benchmarks.minilm_reference`, one to three minutes."""

from __future__ import annotations

import numpy as np

from benchmarks.minilm import minilm
from benchmarks.text import KEPT_REFERENCE, NODES, made


def main() -> None:
    found = made(range(len(minilm()[1])), NODES)
    np.savez_compressed(KEPT_REFERENCE, attributions=found)
    print(f"{len(found)} sentences, {NODES} Gauss-Legendre nodes: '{KEPT_REFERENCE}'")


if __name__ == "__main__":
    main()
