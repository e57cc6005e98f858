"""The pages: one module each, with a `router`. Their order decides which address wins."""

from ig_tasks.web.pages import compare, downloads, feature, model, overview, report, row, rows, static_files, tabs

__all__ = ["ROUTERS"]

ROUTERS = tuple(
    module.router for module in (static_files, tabs, compare, overview, model, report, feature, rows, row, downloads)
)
