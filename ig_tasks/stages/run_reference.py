"""What one stage of a run tells the next: small, typed, and JSON wherever it leaves the process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from ig_tasks.errors import InputError
from ig_tasks.spec.messages import first_error
from ig_tasks.store import RunFolder, Store
from ig_tasks.store.report import Completeness

__all__ = ["BaselineFacts", "ComparedFacts", "DataFacts", "ModelFacts", "Outcome", "RowCounts", "RunReference"]

_Version = Literal[1]
_VERSION = get_args(_Version)[0]
_REMEDY = "clear the DAG run from load_model on, or call load_model again"


class _Part(BaseModel):
    # Minor versions only add keys, and a DAG run may outlive an update: what is not known here is passed over.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class ModelFacts(_Part):
    """The model package, and what a worker saw when it tried it.

    `mean_output` is over the rows that were tried, in `space`; `doubt` is a sentence about the declared space, if any.
    """

    uri: str
    digest: str
    target: str
    space: str
    framework: str
    device: str | None = None
    mean_output: float | None = None
    doubt: str | None = None


class DataFacts(_Part):
    """The rows of the partition, counted, and those of a handful that were tried."""

    uri: str
    digest: str
    rows_available: int
    rows_tried: int
    rows_usable: int


class ComparedFacts(_Part):
    """What the model is compared with; `file`, in the folder of the spec's name, holds the numbers of both."""

    uri: str
    digest: str
    space: str
    file: str


class BaselineFacts(_Part):
    """The baseline that was fitted: the digest of its values, its strategy, the rows it was fitted on."""

    digest: str
    strategy: str
    rows: int


class RowCounts(_Part):
    """Rows read = rows explained + rows quarantined; unconverged and unverified rows are explained rows."""

    read: int
    explained: int
    unconverged: int
    unverified: int = 0
    quarantined: int


class Outcome(_Part):
    """What came of a run. `verdict` is `published`, `withheld` or `ad-hoc`; `leading` names the leading features."""

    verdict: str
    leading: tuple[str, ...]
    report_uri: str
    page_uri: str


class RunReference(_Part, Mapping[str, Any]):
    """What the stages of a run so far found. Each stage takes the one before and returns it with what it adds.

    As a mapping it reads as its JSON document (`to_json`), in which the outcome's keys stand beside the others:
    `reference["rows"]["explained"]`, `reference["report_uri"]`.

    Attributes:
        version: of this layout; raised when keys that are there already change their meaning.
        served, stored: the served model and the stored predictions, where the run is compared with them.
        run_id, run_uri, baseline: since `build_baseline`.
        rows: since `compute_attributions`.
        revision, page_uri, warnings: since `validate`; the warnings are names of checks.
        compared_uri: the run that drift is judged against, since `validate`; None without one.
        baseline_table: the file, in the folder of the spec's name, of the baseline doctor's table.
        awaits_launch: True where that would be the launch report, and none was registered.
        outcome, completeness, official: since `publish_report`.
        spec_digests: of the sections that decide the numbers, by the orchestrator.
    """

    version: _Version = 1
    name: str
    partition: str
    store: str
    model: ModelFacts
    data: DataFacts
    served: ComparedFacts | None = None
    stored: ComparedFacts | None = None
    run_id: str | None = None
    run_uri: str | None = None
    baseline: BaselineFacts | None = None
    rows: RowCounts | None = None
    revision: int | None = None
    page_uri: str | None = None
    warnings: tuple[str, ...] | None = None
    outcome: Outcome | None = None
    completeness: Completeness | None = None
    official: bool | None = None
    spec_digests: dict[str, str] | None = None
    compared_uri: str | None = None
    awaits_launch: bool | None = None
    baseline_table: str | None = None

    @classmethod
    def of(cls, reference: RunReference | Mapping[str, Any]) -> RunReference:
        """The reference itself, or the one in a JSON document that `to_json` made, here or in an earlier version.

        Raises:
            InputError: in one line, for a document that is not a reference, or is of a later version.
        """
        if isinstance(reference, RunReference):
            return reference
        if not isinstance(reference, Mapping):
            raise InputError(
                f"ref: it is a {type(reference).__name__}, and not what the stage before returned; {_REMEDY}"
            )
        version = reference.get("version", _VERSION)
        if version != _VERSION:
            raise InputError(
                f"ref.version: it is {version!r}, and this version of ig-tasks reads {_VERSION}; {_REMEDY}"
            )
        try:
            return cls.model_validate(dict(reference))
        except ValidationError as error:
            wrong = first_error(error, cls, missing="is missing")
            raise InputError(f"ref.{wrong}; another version of ig-tasks made it: {_REMEDY}") from None

    def to_json(self) -> dict[str, Any]:
        """The document that Airflow hands on: JSON values, only of the stages so far."""
        return self.model_dump(mode="json")

    def with_(self, **results: Any) -> RunReference:
        """The same with what a stage found."""
        return self.model_copy(update=results)

    def run_folder(self) -> RunFolder:
        """The folder of the run.

        Raises:
            InputError: before `build_baseline` has opened it.
        """
        if self.run_id is None:
            raise InputError("ref.run_id: is missing; run build_baseline first, and give what it returns")
        return Store(self.store).run(self.name, self.run_id)

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, document: Any) -> Any:
        """The outcome's keys stand beside the others in JSON, where those who wait for a report look for them."""
        if not isinstance(document, dict) or "outcome" in document or "verdict" not in document:
            return document
        return {**document, "outcome": {key: document[key] for key in Outcome.model_fields if key in document}}

    @model_serializer(mode="wrap")
    def _flat(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        document: dict[str, Any] = handler(self)
        outcome = document.pop("outcome", None) or {}
        return {key: value for key, value in {**document, **outcome}.items() if value is not None}

    def __getitem__(self, key: str) -> Any:
        return self.to_json()[key]

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]
        return iter(self.to_json())

    def __len__(self) -> int:
        return len(self.to_json())
