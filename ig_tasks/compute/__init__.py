"""Shards onto Dask: the cluster of a run, its workers, the job and its progress.

Nothing is imported here: worker processes and the Airflow task come through this package, and each takes
the module it needs.
"""
