"""The adapter to Great Expectations: expectations on fixed columns of a frame, and counts that add up.

Great Expectations reports an expectation that broke (a missing column, a wrong type) as one that failed;
here the first is a CheckBrokenError and the second an Outcome. Column names come from this package alone,
never from a user's data: they reach its messages and documents.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from ig_tasks.errors import CheckBrokenError

Severity = Literal["critical", "warning"]


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the values of one column should be: one of `allowed`, or else from `minimum` to `maximum`.

    Both ends belong to the range; `mostly` is the share of the values that must fit. A missing value
    (null or NaN) is not judged: a column that must not have any has to say so in another value.
    """

    name: str
    column: str
    severity: Severity
    mostly: float = 1.0
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str | bool, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How many values were judged, and how many of them did not fit; outcomes of chunks add up."""

    judged: int = 0
    unexpected: int = 0
    missing: int = 0

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(self.judged + other.judged, self.unexpected + other.unexpected, self.missing + other.missing)

    @property
    def share(self) -> float:
        """Share of the judged values that fit, so weighted by the rows of each chunk; NaN if no value was judged."""
        return (self.judged - self.unexpected) / self.judged if self.judged else float("nan")


def import_library() -> None:
    """Import Great Expectations, which takes seconds: the first suite does, or who is to be ready for it."""
    # Versions before 1.24 report usage over the network unless told not to before they are imported.
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with _warnings_only():
        import great_expectations.expectations  # noqa: F401 - for its side effect: it stays in memory


class Suite:
    """Expectations that can be applied to frame after frame, in an ephemeral context of their own."""

    def __init__(self, name: str, expectations: Sequence[Expected]) -> None:
        """Raises CheckBrokenError if Great Expectations refuses one of them."""
        import_library()
        self._names = [expected.name for expected in expectations]
        with _warnings_only():
            self._set_up(name, expectations)

    def _set_up(self, name: str, expectations: Sequence[Expected]) -> None:
        import great_expectations as gx
        from great_expectations.data_context.types import base

        settings = base.DataContextConfig(
            store_backend_defaults=base.InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            progress_bars=base.ProgressBarsConfig(globally=False),
            analytics_enabled=False,
        )
        context = gx.get_context(mode="ephemeral", project_config=settings)
        asset = context.data_sources.add_pandas("run").add_dataframe_asset(name)
        self._definition = asset.add_batch_definition_whole_dataframe("chunk")
        self._suite = context.suites.add(gx.ExpectationSuite(name=name))
        for expected in expectations:
            try:
                self._suite.add_expectation(_translated(expected))
            except Exception as error:
                raise _broken(expected.name, error) from error

    def evaluate(self, frame: pd.DataFrame) -> dict[str, Outcome]:
        """Outcomes by the expectations' names. Raises CheckBrokenError if one could not be evaluated."""
        try:
            with _warnings_only():
                batch = self._definition.get_batch(batch_parameters={"dataframe": frame})
                validated = batch.validate(self._suite, result_format="BASIC")
        except Exception as error:
            raise _broken(", ".join(self._names), error) from error
        # Great Expectations lists broken ones first: only the name tells which is which.
        outcomes = {_name_of(result): _outcome(result) for result in validated.results}
        absent = [name for name in self._names if name not in outcomes]
        if absent:
            raise _broken(", ".join(absent), "no result came back")
        return {name: outcomes[name] for name in self._names}


@contextmanager
def _warnings_only() -> Iterator[None]:
    """Great Expectations tells what it registers, hundreds of lines of information, at its import and later.

    Its warnings and errors are logged as usual, and so is everything where someone has set a level for its logger.
    """
    log = logging.getLogger("great_expectations")
    before = log.level
    if before == logging.NOTSET:
        log.setLevel(logging.WARNING)
    try:
        yield
    finally:
        log.setLevel(before)


def _translated(expected: Expected) -> Any:
    import great_expectations.expectations as gxe

    common: dict[str, Any] = {
        "column": expected.column,
        "mostly": expected.mostly,
        "severity": expected.severity,
        "meta": {"check": expected.name},
    }
    if expected.allowed:
        return gxe.ExpectColumnValuesToBeInSet(value_set=list(expected.allowed), **common)
    return gxe.ExpectColumnValuesToBeBetween(min_value=expected.minimum, max_value=expected.maximum, **common)


def _name_of(result: Any) -> str:
    return str(result.expectation_config.meta["check"])


def _outcome(result: Any) -> Outcome:
    for raised in _exceptions(result.exception_info or {}):
        raise _broken(_name_of(result), raised)
    counts = result.result
    try:
        missing = int(counts["missing_count"])
        return Outcome(int(counts["element_count"]) - missing, int(counts["unexpected_count"]), missing)
    except (KeyError, TypeError) as error:
        raise _broken(_name_of(result), f"no counts came back ({error})") from error


def _exceptions(info: Mapping[str, Any]) -> Iterator[str]:
    """Messages of what was raised: `info` is one record, or a record for each metric that was computed."""
    records = [info] if "raised_exception" in info else [value for value in info.values() if isinstance(value, Mapping)]
    for record in records:
        if record.get("raised_exception"):
            yield str(record.get("exception_message") or "an exception without a message")


def _broken(name: str, reason: object) -> CheckBrokenError:
    lines = str(reason).strip().splitlines() or [type(reason).__name__]
    return CheckBrokenError(f"check {name}: could not be carried out, which says nothing about the data ({lines[0]})")
