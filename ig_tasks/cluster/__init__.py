"""Dask: the workers of a run, a job over them and its progress. Nothing here knows models.

Nothing is imported here: worker processes and the Airflow task come through this package, and each takes
the module it needs.
"""
