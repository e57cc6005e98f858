"""Reason codes: why single rows were turned down, proven to the error bounds of their attributions."""
