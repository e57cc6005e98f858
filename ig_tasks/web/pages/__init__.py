"""The pages: one module each, with a `router`. Their order decides which address wins."""

from ig_tasks.web.pages import compare, downloads, feature, model, overview, report, row, rows, static_files

__all__ = ["ROUTERS"]

ROUTERS = tuple(
    module.router for module in (static_files, compare, overview, model, report, feature, rows, row, downloads)
)
