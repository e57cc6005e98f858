"""Plan a run, and check everything that needs no worker: package, target, columns, partition."""

from __future__ import annotations

from collections.abc import Iterable

from ig_tasks.attribution.integrators.choice import check_integrator
from ig_tasks.attribution.methods import ExpectedGradients, WeightedBaselines, choose_method
from ig_tasks.baselines.fitting import check_strategy
from ig_tasks.baselines.table import baseline_of_table
from ig_tasks.data.chosen_rows import find_rows
from ig_tasks.data.dataset import DataFile, Dataset
from ig_tasks.data.features import Feature
from ig_tasks.errors import BaselineError, DataError, InputError, ModelError, SpecError, suggest
from ig_tasks.models import ModelPackage, open_package
from ig_tasks.models.opening import open_served
from ig_tasks.models.outcomes import outcome_of
from ig_tasks.models.spaces import converter, spaces_of
from ig_tasks.spec import AttributionSpec, ExplanationSpec, format_partition
from ig_tasks.spec.uris import without_secrets
from ig_tasks.stages.loss_planning import check_loss, for_loss
from ig_tasks.stages.reasons.rules import ReasonRules
from ig_tasks.stages.run_plan import RunPlan, served_target
from ig_tasks.store import Store, run_key


def require_writable_store(spec: ExplanationSpec) -> None:
    """Refuse a store that no run can be written to, before the model is read or a worker is started.

    Raises:
        SpecError: if workers could not reach it.
        StoreError: if it cannot be opened or written to.
    """
    _check_places(spec)
    Store(spec.store_uri()).name_folder(spec.name).require_writable()


def plan_run(spec: ExplanationSpec, partition: str | None = None) -> RunPlan:
    """Open the package and the data set, and check what can be checked without loading the model.

    Raises:
        ModelError, TrustError, TargetError: of the package, its code or its targets.
        SpecError: of attribution settings that do not go together, or a place that workers cannot reach.
        DataError, PartitionError: of the data set, its columns or the partition.
        BaselineError: of the baseline's partition, or of the user's own table.
    """
    _check_places(spec)
    root = spec.origin.trusted_root if spec.origin else None
    package = _open_model(spec, root)
    _check_target(spec, package)
    check_loss(spec, package)
    served = _open_served(spec, package, root)
    _check_attribution(spec.attribution)
    _check_baselines(spec)
    _check_drift(spec)
    _check_label(spec, package)
    package = for_loss(spec, package)
    chosen = format_partition(partition or spec.partition)
    dataset = Dataset(spec.data.uri, spec.data.partition)
    _require_inputs(dataset, package)
    wanted = [(column, "data.segments") for column in spec.data.segments]
    wanted += [(spec.baseline.segment, "baseline.segment")] if spec.baseline.segment else []
    wanted += [(spec.data.id, "data.id")] if spec.data.id else []
    wanted += [(spec.data.prediction, "data.prediction")] if spec.data.prediction else []
    wanted += [(spec.data.cluster, "data.cluster")] if spec.data.cluster else []
    wanted += [(spec.data.label, "data.label")] if spec.data.label else []
    dataset.require_columns(wanted)
    if spec.data.prediction:
        dataset.require_number(spec.data.prediction, "data.prediction")
    require_features(spec, package.features)
    if spec.reasons is not None:
        names = [feature.name for feature in package.features]
        ReasonRules.of(spec.reasons, spec, names, package.config.choose_target(spec.model.target, spec.model.space))
    files = dataset.files(chosen)
    dataset.require_in_all(files, list(dict.fromkeys([*package.columns, *(column for column, _ in wanted)])))
    check_strategy(spec.baseline, package.config.inputs)
    if spec.baseline.strategy == "table":
        baseline_of_table(str(spec.baseline.uri), package.config.inputs, package.preprocess)
    else:
        source, fitted_on = baseline_files(spec, dataset)
        if source is not dataset:
            _require_inputs(source, package, "baseline.uri: ")
        segment = [spec.baseline.segment] if spec.baseline.segment else []
        source.require_in_all(fitted_on, [*package.input_columns, *segment])
    row_ids = spec.data.rows
    rows_at = find_rows(dataset, files, spec.data.id, row_ids) if row_ids else None
    return RunPlan(spec, package, dataset, tuple(files), chosen, served, rows_at)


def baseline_files(spec: ExplanationSpec, dataset: Dataset) -> tuple[Dataset, list[DataFile]]:
    """The data that the baseline is fitted on: its own URI, or its partition of the run's data.

    Raises:
        BaselineError: if there is no such data.
    """
    try:
        own = spec.baseline.uri
        source = Dataset(own, _own_key(spec), field="baseline.uri") if own else dataset
        if spec.baseline.segment:
            source.require_columns([(spec.baseline.segment, "baseline.segment")])
        return source, source.files(spec.baseline.partition)
    except DataError as error:
        message = str(error)
        raise BaselineError(message if message.startswith("baseline.") else f"baseline: {message}") from None


def _require_inputs(dataset: Dataset, package: ModelPackage, where: str = "") -> None:
    """Refuse data without the columns that the model reads."""
    for name, input_ in package.config.inputs.items():
        read = [(column, f"{where}model input {name!r}") for column in input_.columns]
        dataset.require_columns(read, lists=input_.takes_lists)


def baseline_key(spec: ExplanationSpec, package: ModelPackage) -> str:
    """The folder of the fitted baseline: the same until the spec's baseline or the model's inputs change."""
    inputs = {name: spec_.model_dump(mode="json") for name, spec_ in package.config.inputs.items()}
    baseline = spec.baseline.document
    if spec.baseline.strategy == "table":
        # The one row is part of the spec: a replaced table is another baseline.
        table = Dataset(str(spec.baseline.uri))
        baseline["content"] = table.digest(table.files())
    outputs = {}
    if spec.baseline.cutoff is not None:
        # The model's outputs decide who lies at the cutoff.
        target = package.config.choose_target(spec.model.target, spec.baseline.space or spec.model.space)
        outputs = {"outputs": {"model": package.digest, "target": target.name, "space": target.space}}
    return run_key({**outputs, "baseline": baseline, "data": spec.baseline.uri or spec.data.uri, "inputs": inputs})


def _own_key(spec: ExplanationSpec) -> str | None:
    return spec.data.partition if spec.baseline.partition else None


def _check_places(spec: ExplanationSpec) -> None:
    """Workers are processes of their own: what lies in this one's memory is not there for them."""
    places = {"model.uri": spec.model.uri, "data.uri": spec.data.uri, "store": spec.store_uri()}
    places |= {"model.served": spec.model.served.uri} if spec.model.served else {}
    for field, uri in (places | {"baseline.uri": spec.baseline.uri or ""}).items():
        if uri.startswith("memory:"):
            raise SpecError(f"{field}: {uri} lies in the memory of one process; name a place that workers can reach")


def _open_model(spec: ExplanationSpec, root: str | None) -> ModelPackage:
    """The package at `model.uri`; where it is absent, the message names the field (faults inside it name their own)."""
    try:
        return open_package(spec.model.uri, trust=spec.model.trust, trusted_root=root)
    except ModelError as error:
        if not str(error).startswith("no model package"):
            raise
        raise ModelError(f"model.uri: {error}; paths are relative to the spec's file") from None


def _check_target(spec: ExplanationSpec, package: ModelPackage) -> None:
    """A target or a space that model.yaml does not have is found here, before a worker starts."""
    spaces = (("model.target", None), ("model.space", spec.model.space), ("baseline.space", spec.baseline.space))
    for field, space in spaces:
        try:
            package.config.choose_target(spec.model.target, space)
        except ModelError as error:
            raise type(error)(f"{field}: {error}") from None


def _open_served(spec: ExplanationSpec, package: ModelPackage, root: str | None) -> ModelPackage | None:
    """The served model's package, where one is named; what cannot be compared is found before a worker starts."""
    explained = package.config.choose_target(spec.model.target, spec.model.space)
    space = spec.validation.parity.space or explained.space
    if spec.data.prediction and space != explained.space:
        try:
            converter(explained.name, explained.config, explained.space, space)
        except ModelError as error:
            raise SpecError(f"validation.parity.space: {error}") from None
    named = spec.model.served
    if named is None:
        return None
    try:
        served = open_served(named.uri, package, trust=named.trust, trusted_root=root)
        compared = served_target(served, named.target, explained.name)
        for side, wanted in ((package, explained.name), (served, compared)):
            target = side.config.choose_target(wanted, None)
            if space not in spaces_of(target.config):
                converter(target.name, target.config, target.space, space)
    except ModelError as error:
        message = str(error).replace("under `model`", "under `model.served`")
        raise type(error)(f"model.served: {message}") from None
    return served


def _check_drift(spec: ExplanationSpec) -> None:
    """Refuse segments whose levels are to be compared, and which the run's rows would not hold."""
    for column in spec.drift.segments:
        if column not in spec.data.segments:
            near = suggest(column, spec.data.segments, noun="columns of data.segments")
            raise SpecError(without_secrets(f"drift.segments: {column!r} is not one of data.segments{near}"))


def _check_label(spec: ExplanationSpec, package: ModelPackage) -> None:
    """Refuse an outcome that the model reads, or that its target cannot be compared with."""
    label = spec.data.label
    if label is None:
        return
    for name, input_ in package.config.inputs.items():
        if label in input_.columns:
            raise SpecError(
                without_secrets(f"data.label: column {label!r} is read by model input {name!r}")
                + "; an outcome that the model reads tells nothing of the model: name the column that is filled later"
            )
    for field in ("id", "prediction"):
        if label == getattr(spec.data, field):
            raise SpecError(without_secrets(f"data.label: column {label!r} is data.{field}, too; name the outcome"))
    try:
        outcome_of(package.config, package.config.choose_target(spec.model.target, spec.model.space))
    except ModelError as error:
        raise type(error)(f"data.label: {error}") from None


def _check_attribution(settings: AttributionSpec) -> None:
    """Settings that no integrator takes together are found here, before a worker starts."""
    try:
        check_integrator(settings.integrator, settings.steps, settings.max_evaluations)
        choose_method(settings.chosen)
    except InputError as error:
        raise SpecError(f"attribution.{error}") from None


def _check_baselines(spec: ExplanationSpec) -> None:
    """A method that averages over baselines needs a strategy that gives as many."""
    method, baseline = choose_method(spec.attribution.chosen), spec.baseline
    count = baseline.k or 1
    if isinstance(method, ExpectedGradients) and count < 2:
        raise SpecError(
            f"attribution.method: '{method.name}' averages over baselines, and baseline.strategy '{baseline.strategy}' "
            "gives one; write such as baseline: {strategy: samples, k: 20}"
        )
    if isinstance(method, WeightedBaselines) and count != len(method.weights):
        raise SpecError(
            f"attribution.options: {len(method.weights)} weights for {count} baseline{'s' * (count != 1)} of strategy "
            f"'{baseline.strategy}'; give one weight for each"
        )


def require_features(spec: ExplanationSpec, features: Iterable[Feature]) -> None:
    """Refuse labels of what is not a feature of the model.

    Raises:
        DataError: naming the key, and the nearest feature.
    """
    names = [feature.name for feature in features]
    for name in spec.features:
        if name not in names:
            raise DataError(f"features.{name}: is not a feature of the model" + suggest(name, names, noun="features"))
