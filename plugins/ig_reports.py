"""The report browser in Airflow's UI: pages below /ig, an entry in the navigation, tabs on DAGs, runs and tasks."""

from ig_tasks.orchestration.report_browser import registered_by_file

ReportBrowser = registered_by_file()
