"""Which packages may run code: those inside the project, and those whose digest the spec names."""

from __future__ import annotations

from pathlib import Path

from ig_tasks.errors import TrustError
from ig_tasks.models.cache import is_local
from ig_tasks.models.package import ModelPackage

__all__ = ["check_trust"]


def check_trust(package: ModelPackage, trust: str | None, trusted_root: str | Path | None) -> None:
    """Refuse a package whose loading runs code that nobody trusts.

    Args:
        trust: the digest of a package that the spec trusts; it has to fit in any case.
        trusted_root: the folder whose code may run without; a pickle always needs `trust`.

    Raises:
        TrustError: saying which digest to add.
    """
    uri, digest = package.uri, package.digest
    add = f"`trust: {digest}` under `model`" if not package.bare else f'`trust="{digest}"` to load_model'
    if trust is not None and trust != digest:
        raise TrustError(
            f"model package '{uri}' is not the one that the spec trusts: it has changed, or is another one; read"
            f" it, then set {add}"
        )
    if trust is not None:
        return
    if package.runs == "a pickle":
        raise TrustError(
            f"model package '{uri}' holds a pickle, which can run anything when it is read, and nothing of it was"
            f" run; if you trust it, add {add}"
        )
    elsewhere = package.config.remote and package.runs != "nothing" and not is_local(package.config.weights)
    runs = package.config.runs_code or package.runs != "nothing"
    if elsewhere or (runs and not _in_trusted_root(uri, package.root, trusted_root)):
        raise TrustError(f"model package '{uri}' runs code and lies outside the project; if you trust it, add {add}")


def _in_trusted_root(uri: str, root: Path, trusted_root: str | Path | None) -> bool:
    # The copy of a remote package may well lie inside the project, with the cache: that says nothing of its source.
    local = is_local(uri) and trusted_root is not None
    return local and root.is_relative_to(Path(trusted_root or "").resolve())
