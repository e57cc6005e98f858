"""The layer doctor: what a model takes, what of it can be differentiated, and which layers stand in for the rest."""

from ig_tasks.doctor.diagnosis import Diagnosis
from ig_tasks.doctor.examine import diagnose

__all__ = ["Diagnosis", "diagnose"]
