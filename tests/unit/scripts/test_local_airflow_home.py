import json
import subprocess
from types import SimpleNamespace

import pytest

from ig_tasks.errors import RunError
from scripts.local_airflow.home import AirflowHome


@pytest.fixture
def home(tmp_path):
    (tmp_path / "dags").mkdir()
    return AirflowHome.of_project(tmp_path)


@pytest.fixture
def migrations(monkeypatch, home):
    """Counts calls of the command line; it makes the database, or fails if told so."""
    calls = SimpleNamespace(count=0, code=0)

    def run(command, **rest):
        calls.count += 1
        assert command[-2:] == ["db", "migrate"]
        (home.path / "airflow.db").touch()
        return SimpleNamespace(returncode=calls.code)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_it_listens_on_the_loopback_address_and_shows_no_examples(home):
    found = home.environment(8181)
    assert found["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert found["AIRFLOW__API__PORT"] == "8181"
    assert found["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8181/execution/"
    assert found["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert found["AIRFLOW__CORE__DAGS_FOLDER"] == str(home.dags)


def test_settings_of_another_airflow_do_not_reach_it(home, monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", "/elsewhere")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__EMAIL__FROM_EMAIL", "x")
    monkeypatch.setenv("IG_TASKS_STORE", "/store")
    found = home.environment(1)
    assert found["AIRFLOW_HOME"] == str(home.path)
    assert found["AIRFLOW__CORE__EXECUTOR"].endswith(".PreloadedLocalExecutor")
    assert "AIRFLOW__EMAIL__FROM_EMAIL" not in found
    assert found["IG_TASKS_STORE"] == "/store"


def test_variables_given_win(home):
    changed = AirflowHome(home.path, home.dags, variables={"AIRFLOW__CORE__PARALLELISM": "2"})
    assert changed.environment(1)["AIRFLOW__CORE__PARALLELISM"] == "2"


def test_secrets_are_made_once_and_are_the_owners_alone(home, tmp_path):
    secret = home.environment(1)["AIRFLOW__API_AUTH__JWT_SECRET"]
    assert len(secret) > 40
    assert home.environment(2)["AIRFLOW__API_AUTH__JWT_SECRET"] == secret
    assert (home.path / "secrets.json").stat().st_mode & 0o777 == 0o600
    (tmp_path / "other" / "dags").mkdir(parents=True)
    assert AirflowHome.of_project(tmp_path / "other").environment(1)["AIRFLOW__API_AUTH__JWT_SECRET"] != secret


def test_the_password_is_known_and_private(home, migrations):
    home.prepare()
    assert json.loads(home.passwords.read_text()) == {"admin": home.password()}
    assert home.passwords.stat().st_mode & 0o777 == 0o600


def test_the_database_is_migrated_only_when_needed(home, migrations):
    said = []
    home.prepare(said.append)
    home.prepare(said.append)
    assert migrations.count == 1
    assert len(said) == 1
    (home.path / "migrated").write_text("3.0.0\n")
    home.prepare()
    assert migrations.count == 2
    (home.path / "airflow.db").unlink()
    home.prepare()
    assert migrations.count == 3


def test_a_migration_that_failed_is_tried_again(home, migrations):
    migrations.code = 1
    with pytest.raises(RunError, match=r"airflow db migrate ended with 1; see .*migrate\.log"):
        home.prepare()
    migrations.code = 0
    home.prepare()
    assert migrations.count == 2
