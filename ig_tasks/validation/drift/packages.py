"""The model packages of two compared periods, as they were when the periods were explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ig_tasks.errors import IgTasksError, RunError, TrustError, brief
from ig_tasks.models import ModelPackage, open_package
from ig_tasks.models.kept_packages import open_kept
from ig_tasks.spec import ExplanationSpec
from ig_tasks.store import Folder
from ig_tasks.validation.drift.period import Period

__all__ = ["PeriodPackages", "opened_where"]


def opened_where(run: Period, spec: ExplanationSpec) -> tuple[Period, ModelPackage, str | None]:
    """A run's package, found where the spec at hand says that model and data lie by now.

    Returns:
        The run as a period of that model and those data, the package, and the `trust` with which a worker opens it.

    Raises:
        RunError, ModelError, TrustError: as `PeriodPackages.of`.
    """
    now = {"model": spec.model, "data": spec.data, "origin": spec.origin}
    here = replace(run, spec=run.spec.model_copy(update=now))
    root = spec.origin.trusted_root if spec.origin else None
    packages = PeriodPackages([here], root, {} if spec.model.trust is None else {run.folder.uri: spec.model.trust})
    package = packages.of(here)
    return here, package, packages.trust_of(here, package)


class PeriodPackages:
    """Packages found where the specs name them, else kept in the store; each is opened once.

    Args:
        trusted_root, trust: whose code may run; what a run's folder says of that counts for nothing.
    """

    def __init__(self, periods: Sequence[Period], trusted_root: str | None, trust: Mapping[str, str]) -> None:
        self._periods, self._root, self._trust = tuple(periods), trusted_root, set(trust.values())
        self._opened: dict[str, ModelPackage] = {}

    def of(self, period: Period) -> ModelPackage:
        """The package of a period's model, as it was.

        Raises:
            RunError: if another one is there by now, and it was not kept.
            ModelError, TrustError: if it is not there, or may not run.
        """
        digest = period.model_digest
        if digest not in self._opened:
            package = self._package_in_place(period)
            if not (isinstance(package, ModelPackage) and package.digest == digest):
                package = self._kept_package(period, package)
            self._opened[digest] = package
        return self._opened[digest]

    def trust_of(self, period: Period, package: ModelPackage) -> str | None:
        """The `trust` with which a worker opens a period's package; one that was kept was judged when it was opened."""
        return self._trusted(period) if package.uri == period.spec.model.uri else package.digest

    def _trusted(self, period: Period) -> str | None:
        """The digest of a period's model where the caller trusts it: it may be the model of both."""
        return period.model_digest if period.model_digest in self._trust else None

    def _package_in_place(self, period: Period) -> ModelPackage | IgTasksError:
        """The package that now lies where a period's spec names it, or the error that opening it gave."""
        try:
            return open_package(period.spec.model.uri, trust=self._trusted(period), trusted_root=self._root)
        except IgTasksError as error:
            return error

    def _kept_package(self, period: Period, in_place: ModelPackage | IgTasksError) -> ModelPackage:
        """The package that was kept when the period was explained; `in_place`: what is now in its place.

        Raises:
            RunError, ModelError, TrustError: why nothing can be opened there, where no package was kept either.
        """
        candidates = [in_place, *(self._package_in_place(other) for other in self._periods if other is not period)]
        like = [package for package in candidates if isinstance(package, ModelPackage)]
        folder = Folder(period.folder.uri.rpartition("/")[0])
        try:
            return open_kept(folder, period.model_digest, trusted=self._trust, like=like)
        except TrustError:
            if isinstance(in_place, TrustError):
                raise in_place from None
            raise
        except IgTasksError as error:
            if isinstance(in_place, IgTasksError):
                raise in_place from None
            run_id, uri = period.folder.run_id, period.spec.model.uri
            raise RunError(f"the model of run {run_id} is no longer at {uri}, and {brief(error)}") from None
