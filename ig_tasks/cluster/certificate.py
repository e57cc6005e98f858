"""A certificate for one embedded cluster: whoever does not hold it runs no code there, other users of the machine too.

127.0.0.1 is open to every local user, and whoever speaks to a Dask scheduler runs code on its workers. So the processes
of an embedded cluster show each other a certificate that lies in their scratch folder, which nobody else may read, and
that is gone with it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

__all__ = ["ClusterCertificate"]

_NAME = "ig-tasks"
_ROLES = ("scheduler", "worker", "client")
_TLS = "distributed.comm.tls"


@dataclass(frozen=True)
class ClusterCertificate:
    """The files of one certificate, which is its own authority: scheduler, workers and client have the same."""

    certificate: Path
    key: Path

    @classmethod
    def made_in(cls, scratch: Path) -> ClusterCertificate:
        """A new one; `scratch` must be a folder that nobody else may read."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        # An elliptic curve: a pair of RSA keys takes a hundred times as long.
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, _NAME)])
        # However the clock is set while the cluster is up, the certificate is valid.
        began = datetime.now(UTC) - timedelta(days=365)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(began)
            .not_valid_after(began + timedelta(days=2 * 365))
            .sign(key, hashes.SHA256())
        )
        made = cls(scratch / "certificate.pem", scratch / "key.pem")
        _write(made.certificate, certificate.public_bytes(serialization.Encoding.PEM))
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write(made.key, secret)
        return made

    def settings(self) -> dict[str, str]:
        """Settings of Dask by which a process speaks to the others of this cluster, and to nobody else."""
        files = {f"{_TLS}.{role}.cert": str(self.certificate) for role in _ROLES}
        keys = {f"{_TLS}.{role}.key": str(self.key) for role in _ROLES}
        return {
            "distributed.comm.require-encryption": "true",
            f"{_TLS}.ca-file": str(self.certificate),
            **files,
            **keys,
        }

    def environment(self) -> dict[str, str]:
        """The same as variables, for a process that starts."""
        return {f"DASK_{key.replace('.', '__').replace('-', '_').upper()}": v for key, v in self.settings().items()}

    def security(self) -> Any:
        """The same for Dask's client."""
        from distributed import Security

        return Security(
            require_encryption=True,
            tls_ca_file=str(self.certificate),
            **{f"tls_{role}_cert": str(self.certificate) for role in _ROLES},
            **{f"tls_{role}_key": str(self.key) for role in _ROLES},
        )


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
