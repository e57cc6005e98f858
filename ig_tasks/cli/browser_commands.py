"""The commands of the report browser: `ig-tasks serve` and `ig-tasks index`."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["index", "serve"]


def serve(
    store: Annotated[str, typer.Argument(metavar="STORE", help="The folder that holds the runs of all specs.")],
    port: Annotated[int, typer.Option(metavar="PORT", min=0, max=65535, help="0: any that is free.")] = 0,
) -> None:
    """Show a store's reports in a browser on this machine, without Airflow, until Ctrl-C.

    The address that is printed works once, and for this machine only.
    """
    from ig_tasks.web.serving import serve as serve_store

    serve_store(store, port, typer.echo)


def index(
    store: Annotated[str, typer.Argument(metavar="STORE", help="The folder that holds the runs of all specs.")],
) -> None:
    """Make the index of a store's reports anew, from the reports themselves: what the report browser lists."""
    from ig_tasks.errors import ReportError
    from ig_tasks.reports.indexing import mend_index
    from ig_tasks.store import Folder, Store
    from ig_tasks.store.index import FOLDER

    uri = Store(store).uri
    names = [name for name in Folder(uri).names() if name != FOLDER and any(Store(uri).runs(name))]
    if not names:
        raise ReportError(f"{store}: there are no reports here; give the folder that holds the runs of all specs")
    for name in names:
        count = sum(1 for _ in mend_index(uri, name, anew=True))
        typer.echo(f"{name}: {count} report{'' if count == 1 else 's'}", err=True)
    typer.echo(f"{uri}/{FOLDER}")
