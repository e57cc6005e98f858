"""Baselines: the point that attributions are measured from, fitted once over data."""

from __future__ import annotations
