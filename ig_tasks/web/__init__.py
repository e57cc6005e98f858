"""The report browser: server-rendered pages over a store, for people who are logged in.

`create_app` in `app.py` makes it of a `Catalogue` (what is in the store) and an `Access` (who may see what). Only
`airflow_access.py` knows Airflow.
"""
