"""What changed between two runs, whether it is real, and why."""
