"""Explanations of a model's rows: of arrays and tables in a notebook, by a spec's settings, of a finished run.

Public names are those of `ig_tasks` itself: `explain`, `Explanation`, `open_run`.
"""
