"""What a stage of a run plans, and what its workers do.

Nothing is imported here: worker processes and the Airflow task come through this package, and each takes
the module it needs.
"""
