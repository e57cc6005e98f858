"""What a benchmark leaves behind: a JSON file that the tables and the chart are made of."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

__all__ = ["Accuracy", "Entry", "Machine", "Results", "Suite"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Accuracy(_Frozen):
    """Relative L1 error of each row against the reference, summarised over `rows` rows."""

    rows: int
    median: float
    p99: float
    over_1_percent: float
    """Share of the rows, as the following."""
    over_5_percent: float
    rows_converged: int | None = None
    """Rows among them that the library called converged; None where it makes no such claim."""
    over_tolerance: float | None = None
    """Share of the converged rows whose true error exceeds the tolerance."""
    over_twice_tolerance: float | None = None


class Entry(_Frozen):
    """One library, with one setting, on one model."""

    key: str
    library: str
    setting: str
    rows: int
    """Rows that it explained in each timed run."""
    seconds: tuple[float, ...]
    """Wall time of each run."""
    first_seconds: float
    """The first run of all rows, compilation and tracing included; for the others, of `accuracy.rows` rows."""
    accuracy: Accuracy
    evaluations: float | None = None
    """Gradient evaluations per row, on average."""
    converged: float | None = None
    """Share of all rows called converged."""
    peak_megabytes: float | None = None
    """Growth of the resident memory during one run in a fresh process."""
    times_products: float | None = None
    """Time divided by that of the matrix products that the evaluations spent cannot do without."""
    chosen: str | None = None
    """What our engine says it ran."""

    @property
    def median(self) -> float:
        """Seconds of one run."""
        ordered = sorted(self.seconds)
        middle = len(ordered) // 2
        return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2

    @property
    def row_seconds(self) -> float:
        return self.median / self.rows


class Suite(_Frozen):
    """All libraries on one model."""

    name: str
    title: str
    tolerance: float
    rows: int
    reference: str
    """How the errors were measured."""
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    """What the model is, what was left out and why."""
    seconds: float = 0.0

    @property
    def ours(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.library == "ig-tasks")

    @property
    def peers(self) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.library != "ig-tasks")

    def entry(self, key: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.key == key), None)


class Machine(_Frozen):
    cores: int
    processor: str
    memory_gigabytes: int
    system: str
    python: str
    versions: dict[str, str]


class Results(_Frozen):
    machine: Machine
    threads: int
    quick: bool
    seconds: float
    suites: tuple[Suite, ...]
    failed: dict[str, str] = {}
    """{suite: why}"""

    @classmethod
    def read(cls, path: Path) -> Results:
        return cls.model_validate_json(path.read_text(encoding="utf-8"))

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
