"""What the gallery draws from: explanations of three kinds of rows, and runs that are looked at in the browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

__all__ = ["EXPLAINED", "browse_runs"]

ROOT = Path(__file__).resolve().parents[2]
SPECS = ROOT / "include" / "specs"
MONTHS = ("2013-01", "2013-04", "2013-07")
"""Winter, spring and summer: what the model is shown changes."""
PAGES = 60
"""Pages of the browser that are looked at, at most."""


EXPLAINED: dict[str, Callable[[int], Any]] = {}


def _add(name: str, package: str, data: str, target: str | None, baseline: str) -> None:
    def explain(rows: int) -> Any:
        import pandas as pd

        import ig_tasks

        model = ig_tasks.load_model(ROOT / "include" / "models" / package)
        table = pd.read_parquet(ROOT / ".data" / data)
        step = max(1, len(table) // rows)
        table = table.iloc[::step].reset_index(drop=True)
        return ig_tasks.explain(model, table, baseline=baseline, reference=table, target=target)

    EXPLAINED[name] = explain


_add("flights", "flights_torch", "flights/month=2013-01", "late", "auto")
_add("reviews", "reviews_multimodal", "reviews/split=test", "recommended", "auto")
_add("digits", "digits_image", "digits/split=test", "digit_8", "zero")


class _Anybody:
    """Whoever looks at the pages sees all reports."""

    async def user_of(self, connection: Any) -> Any:  # noqa: ARG002
        from ig_tasks.web.access import User

        return User("anybody")

    def readable(self, user: Any, names: Collection[str]) -> set[str]:  # noqa: ARG002
        return set(names)

    def outside(self, connection: Any) -> str:  # noqa: ARG002
        return "http://127.0.0.1"


def browse_runs(store: Path, rows: int) -> None:
    """Run a spec on three months, draw the series of its reports, and look at the pages of the browser."""
    from starlette.testclient import TestClient

    from ig_tasks import pipeline
    from ig_tasks.spec import load_spec
    from ig_tasks.web.app import create_app
    from ig_tasks.web.catalogue import Catalogue

    document = _document("flights_torch.yaml")
    document["data"]["sample"] = 10 * rows
    document |= {"store": str(store), "compute": {"workers": 0}}
    for month in MONTHS:
        spec = load_spec(document)
        pipeline.run(spec, partition=month, log=lambda _: None)
    client = TestClient(create_app(Catalogue(str(store)), _Anybody()))
    seen, waiting = set(), ["/", "/flights_torch"]
    while waiting and len(seen) < PAGES:
        address = waiting.pop(0)
        seen.add(address)
        page = client.get(address)
        if page.status_code == 200 and "text/html" in page.headers["content-type"]:
            waiting += _links(page.text, address, seen | set(waiting))


def _document(name: str) -> dict[str, Any]:
    import yaml

    document: dict[str, Any] = yaml.safe_load((SPECS / name).read_text(encoding="utf-8"))
    for section in ("model", "data"):
        document[section]["uri"] = str((SPECS / document[section]["uri"]).resolve())
    return document


def _links(page: str, address: str, known: set[str]) -> list[str]:
    """Addresses on a page that are not known yet, one of each kind."""
    found = [urljoin(address, unescape(link)) for link in re.findall(r'href="([/?][^"#]*)"', page)]
    for name, options in re.findall(r'<select name="(\w+)">(.*?)</select>', page, re.DOTALL):
        found += [
            urljoin(address, f"?{name}={value}") for value in re.findall(r'<option value="([^"]+)">', options)[-1:]
        ]
    kinds: dict[tuple[str, str], str] = {}
    for link in found:
        path, _, query = link.partition("?")
        kind = (path.rpartition("/")[0], re.sub(r"=[^&]*", "", query))
        if link not in known and "/static/" not in link and "/download/" not in link:
            kinds.setdefault(kind, link)
    return list(kinds.values())
