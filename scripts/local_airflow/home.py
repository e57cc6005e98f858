"""A folder that is all of Airflow's state, and the environment that makes Airflow use it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from ig_tasks.errors import RunError

__all__ = ["USER", "AirflowHome"]

USER = "admin"


@dataclass(frozen=True)
class AirflowHome:
    """Where a local Airflow lives.

    Args:
        path: the folder; made when it is not there.
        dags: its DAG files.
        plugins: its plugins, if there are any.
        variables: more variables for Airflow's processes, such as AIRFLOW__SCHEDULER__... or IG_TASKS_STORE.
    """

    path: Path
    dags: Path
    plugins: Path | None = None
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_project(cls, project: Path) -> AirflowHome:
        """The home `.airflow` of a project with dags/ and perhaps plugins/."""
        plugins = project / "plugins"
        return cls(project / ".airflow", project / "dags", plugins if plugins.is_dir() else None)

    @property
    def logs(self) -> Path:
        """The logs of Airflow's own processes."""
        return self.path / "server"

    @property
    def passwords(self) -> Path:
        """The file with the users' passwords, as Airflow's simple auth manager keeps it."""
        return self.path / "passwords.json"

    def password(self) -> str:
        return str(json.loads(self.passwords.read_text())[USER])

    def environment(self, port: int) -> dict[str, str]:
        """The variables of a process of this Airflow whose API server listens on `port`.

        Variables of another Airflow (AIRFLOW_HOME, AIRFLOW__...) are left out: settings come from here.
        """
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW__") and k != "AIRFLOW_HOME"}
        key = self._secrets()
        settings = {
            "CORE__DAGS_FOLDER": str(self.dags),
            "CORE__PLUGINS_FOLDER": str(self.plugins or self.path / "plugins"),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__EXECUTOR": "ig_tasks.orchestration.local_executor.PreloadedLocalExecutor",
            "CORE__PARALLELISM": "4",
            "CORE__FERNET_KEY": key["fernet"],
            "CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.passwords),
            "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.path / 'airflow.db'}",
            "API__HOST": "127.0.0.1",
            "API__PORT": str(port),
            "API__BASE_URL": f"http://127.0.0.1:{port}",
            "API__SECRET_KEY": key["api"],
            "API_AUTH__JWT_SECRET": key["jwt"],
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.4",
            "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
            "USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        return {
            **kept,
            "AIRFLOW_HOME": str(self.path),
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
            **self.variables,
        }

    def prepare(self, say: Callable[[str], None] = lambda _: None) -> None:
        """Make the folder, its secrets and its database; the database only if it is absent or of another version.

        Raises:
            RunError: if Airflow could not make its database.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self.logs.mkdir(exist_ok=True)
        if not self.passwords.exists():
            _write_private(self.passwords, json.dumps({USER: secrets.token_urlsafe(12)}) + "\n")
        stamp = self.path / "migrated"
        current = version("apache-airflow")
        if (self.path / "airflow.db").exists() and stamp.exists() and stamp.read_text().strip() == current:
            return
        say(f"airflow db migrate ({self.path})")
        log = self.logs / "migrate.log"
        with log.open("w") as out:
            code = subprocess.run(
                airflow_command("db", "migrate"),
                env=self.environment(0),
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        if code:
            raise RunError(f"airflow db migrate ended with {code}; see {log}")
        stamp.write_text(current + "\n")

    def _secrets(self) -> dict[str, str]:
        """Secrets of this home alone, made once."""
        file = self.path / "secrets.json"
        if not file.exists():
            self.path.mkdir(parents=True, exist_ok=True)
            made = {
                "jwt": secrets.token_urlsafe(48),
                "api": secrets.token_urlsafe(32),
                "fernet": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            }
            _write_private(file, json.dumps(made) + "\n")
        loaded: dict[str, str] = json.loads(file.read_text())
        return loaded


def airflow_command(*arguments: str) -> list[str]:
    """Airflow's command line, run by the Python that runs this."""
    return [sys.executable, "-m", "airflow", *arguments]


def _write_private(path: Path, text: str) -> None:
    """A file that only its owner may read, from its first byte on."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        handle.write(text)
