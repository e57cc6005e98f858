"""Where the benchmarks find data and packages, and keep what they train."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ROOT / "include" / "models"
DATA = ROOT / ".data" / "flights"
KEPT = ROOT / ".bench"
"""Git-ignored: trained models and results."""
RESULTS = KEPT / "results.json"
