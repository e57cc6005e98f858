"""Which DAG makes the reports of which specs, as the DAGs themselves say: who may read reports is decided by it.

A task that publishes reports says in its field `writes` which spec they are of and where they lie; Airflow keeps that
with the DAG. A DAG of which only the Asset of its reports is known, `ig://<name>`, may write into any store: it counts
as a maker wherever there is a spec of that name, so that what is not known shuts out, and never lets in.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote

from ig_tasks.web.spec_places import SpecPlace, canonical_store, name_of, spec_key

if TYPE_CHECKING:
    from ig_tasks.spec import ExplanationSpec

__all__ = ["WRITES", "Claim", "Makers", "claim_of", "claims_in"]

WRITES = "writes"
"""The field of a task that publishes reports."""
_DAG = "ig_"
_SAFE = "/:@+=,!~()'"
_NAME = re.compile("[a-z][a-z0-9_]{0,60}")
_log = logging.getLogger(__name__)


class Claim(NamedTuple):
    """A DAG that makes the reports of a spec.

    Attributes:
        store: None where it is not known.
    """

    dag_id: str
    name: str
    store: str | None


def claim_of(spec: ExplanationSpec) -> dict[str, str]:
    """The field `writes` of a spec's task: without braces, which Airflow would take for a template."""
    store = "" if spec.store is None else spec.store_uri()
    return {"spec": spec.name, "store": quote(store, safe=_SAFE), "beside": quote(spec.store_beside(), safe=_SAFE)}


def claims_in(dag_id: str, document: Any, names: Collection[str], store_of: Callable[[str, str], str]) -> list[Claim]:
    """What a DAG, as Airflow has stored it, says of itself.

    Args:
        document: the stored DAG; whatever it is, nothing breaks by it.
        names: the specs whose Asset the DAG updates.
        store_of: from the spec's own store, or "", and the folder that is used without any: where reports lie.
    """
    claims = []
    for task in _tasks(document):
        writes = task.get(WRITES)
        if not isinstance(writes, Mapping):
            continue
        name = writes.get("spec")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            continue
        store, beside = (unquote(str(writes.get(key) or "")) for key in ("store", "beside"))
        claims.append(Claim(dag_id, name, store_of(store, beside) or None))
    said = {claim.name for claim in claims}
    return [*claims, *(Claim(dag_id, name, None) for name in sorted(set(names) - said))]


def _tasks(document: Any) -> Iterable[Mapping[str, Any]]:
    dag = document.get("dag") if isinstance(document, Mapping) else None
    for task in (dag.get("tasks") if isinstance(dag, Mapping) else None) or ():
        inner = task.get("__var", task) if isinstance(task, Mapping) else None
        if isinstance(inner, Mapping):
            yield inner


@dataclass(frozen=True)
class Makers:
    """Which DAGs make the reports of a spec. All of them must be open to whoever reads these reports.

    Attributes:
        elsewhere: {key: where it lies} of specs in other stores than the browser's own.
    """

    own_store: str
    claims: tuple[Claim, ...] = ()
    elsewhere: Mapping[str, SpecPlace] = field(default_factory=dict)
    _folders: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, own_store: str, claims: Iterable[Claim]) -> Makers:
        """The makers by these claims; a store that this server cannot tell apart from others is not shown."""
        claims = tuple(claims)
        folders: dict[str, str] = {}
        for store in {own_store, *(claim.store for claim in claims if claim.store)}:
            try:
                folders[store] = canonical_store(store)
            except Exception as error:  # noqa: BLE001 - whatever a DAG names as its store, the others are shown
                _log.warning("the store %s of a spec is not shown: %s", store, error)
        places = [
            SpecPlace(claim.name, claim.store)
            for claim in claims
            if claim.store and claim.store in folders and folders[claim.store] != folders.get(own_store)
        ]
        return cls(own_store, claims, {spec_key(place, own_store): place for place in places}, folders)

    def of_spec(self, key: str, dag_ids: Collection[str]) -> frozenset[str]:
        """The DAGs that make a spec's reports; none where that is not known, and then nobody may read them.

        Args:
            dag_ids: all DAGs that there are, as far as they matter here.
        """
        place = self.elsewhere.get(key)
        name, store = (key, self.own_store) if place is None else place
        if place is None and name_of(key) != key:
            return frozenset()
        folder = self._folders.get(store)
        makers = {
            claim.dag_id
            for claim in self.claims
            if claim.name == name and (claim.store is None or self._folders.get(claim.store) in (None, folder))
        }
        # By its name alone a DAG is a maker of what lies in the browser's own store.
        if place is None and (not makers or f"{_DAG}{name}" in dag_ids):
            makers.add(f"{_DAG}{name}")
        return frozenset(makers)

    def specs_of(self, dag_id: str) -> list[str]:
        """The keys of the specs whose reports a DAG makes."""
        own = self._folders.get(self.own_store)
        keys = {key for key, place in self.elsewhere.items() if Claim(dag_id, place.name, place.store) in self.claims}
        for claim in self.claims:
            if claim.dag_id == dag_id and (claim.store is None or self._folders.get(claim.store) == own):
                keys.add(claim.name)
        if not keys and dag_id.startswith(_DAG):
            keys.add(dag_id.removeprefix(_DAG))
        return sorted(keys)

    @property
    def stores(self) -> list[str]:
        """The stores that are shown, the browser's own first."""
        return list(dict.fromkeys([self.own_store, *(place.store for place in self.elsewhere.values())]))
