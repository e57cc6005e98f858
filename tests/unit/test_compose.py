"""docker-compose.yml and the Dockerfile, as far as they can be judged without a Docker engine."""

from __future__ import annotations

import fnmatch
import json
import re
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from support.compose import ROOT, SECRETS, interpolate, raw, services, variables

from ig_tasks.cluster.environment import ALLOCATOR

AIRFLOW = ["airflow-init", "airflow-apiserver", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"]
DASK = ["dask-scheduler", "dask-worker", "dask-worker-gpu"]


def schema() -> dict[str, Any]:
    """The compose specification's JSON schema (Apache-2.0), as check-jsonschema ships it."""
    vendored = pytest.importorskip("check_jsonschema", reason="check-jsonschema brings the compose schema")
    text = (files(vendored) / "builtin_schemas" / "vendor" / "compose-spec.json").read_text()
    return dict(json.loads(text))


def test_the_file_is_valid_by_the_compose_specification() -> None:
    validator = jsonschema.validators.validator_for(schema())(schema())
    assert [error.message for error in validator.iter_errors(interpolate(raw(), SECRETS))] == []


def test_the_schema_would_notice_a_mistake() -> None:
    validator = jsonschema.validators.validator_for(schema())(schema())
    broken = interpolate(raw(), SECRETS)
    broken["services"]["dask-worker"]["helthcheck"] = {}
    assert list(validator.iter_errors(broken)) != []


def test_the_services_are_those_of_the_design() -> None:
    assert sorted(services()) == sorted(["postgres", *AIRFLOW, *DASK])


def test_networks_volumes_and_dependencies_exist() -> None:
    document = raw()
    for name, service in document["services"].items():
        assert set(service.get("networks", [])) <= set(document["networks"]), name
        assert service["networks"], name  # without one, Compose would join all of them in its default network
        for volume in service.get("volumes", []):
            source = re.sub(r"^\$\{\w+:-(.*?)\}", r"\1", volume).split(":")[0]
            assert source.startswith("./") or source in document["volumes"], (name, volume)
        assert set(service.get("depends_on", {})) <= set(document["services"]), name


@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_it_refuses_to_start_without_a_secret(missing: str) -> None:
    with pytest.raises(KeyError, match=missing):
        services({name: value for name, value in SECRETS.items() if name != missing})


def test_no_secret_is_written_down() -> None:
    assert variables(":?") == set(SECRETS)
    for service in raw()["services"].values():
        for name, value in (service.get("environment") or {}).items():
            if re.search(r"PASSWORD$|SECRET|KEY$|SQL_ALCHEMY_CONN", name) and value is not None:
                assert "${" in value, name


def test_the_example_environment_names_every_variable_and_holds_no_secret() -> None:
    example = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^(\w+)=$", example, re.MULTILINE)) == variables(":?")
    assert variables(":-") <= set(re.findall(r"^#(\w+)=", example, re.MULTILINE))
    for name, default in re.findall(r"^#(\w+)=([^\s#]+)", example, re.MULTILINE):
        assert f"${{{name}:-{default}}}" in (ROOT / "docker-compose.yml").read_text(), name


def test_airflow_alone_is_published_and_on_the_loopback_address_by_default() -> None:
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert published == {"airflow-apiserver": ["127.0.0.1:8080:8080"]}
    assert all("network_mode" not in service for service in services().values())


def test_dask_services_know_nothing_of_airflow() -> None:
    for name in DASK:
        service = services()[name]
        environment = service.get("environment", {})
        assert [key for key in environment if "AIRFLOW" in key.upper()] == []
        assert [value for value in environment.values() if value in SECRETS.values()] == []
        assert service["networks"] == ["dask"]
        assert not any(volume.startswith(("auth:", "logs:", "database:")) for volume in service.get("volumes", []))


def test_airflow_services_share_one_environment() -> None:
    shared = services()["airflow-scheduler"]["environment"]
    assert shared["AIRFLOW__API_AUTH__JWT_SECRET"] == SECRETS["AIRFLOW_JWT_SECRET"]
    assert shared["AIRFLOW__CORE__EXECUTOR"] == "ig_tasks.orchestration.local_executor.PreloadedLocalExecutor"
    assert shared["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://airflow-apiserver:8080/execution/"
    assert shared["IG_TASKS_DASK_ADDRESS"] == "tcp://dask-scheduler:8786"
    for name in AIRFLOW:
        assert shared.items() <= services()[name]["environment"].items(), name
    assert "ADMIN_PASSWORD" not in shared


def test_tasks_and_workers_see_the_same_project_data_and_store() -> None:
    def seen(name: str) -> set[str]:
        return {volume for volume in services()[name]["volumes"] if ":/opt/ig-tasks/" in volume}

    assert seen("airflow-scheduler") == seen("dask-worker") == seen("dask-worker-gpu")
    assert "store:/opt/ig-tasks/store" in seen("dask-worker")
    stores = {
        services()[name]["environment"]["IG_TASKS_STORE"] for name in [*AIRFLOW, "dask-worker", "dask-worker-gpu"]
    }
    assert stores == {"/opt/ig-tasks/store"}


def test_every_lasting_service_is_checked_and_restarted() -> None:
    for name, service in services().items():
        if name == "airflow-init":
            assert service["restart"] == "no"
            continue
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_start_order_waits_for_health() -> None:
    found = services()
    assert found["airflow-init"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in AIRFLOW[1:]:
        assert found[name]["depends_on"] == {"airflow-init": {"condition": "service_completed_successfully"}}
    for name in DASK[1:]:
        assert found[name]["depends_on"] == {"dask-scheduler": {"condition": "service_healthy"}}


def test_the_pool_is_made_with_the_slots_asked_for() -> None:
    init = services(SECRETS | {"IG_COMPUTE_SLOTS": "3"})["airflow-init"]
    assert init["environment"]["IG_COMPUTE_SLOTS"] == "3"
    assert 'airflow pools set ig_compute "$IG_COMPUTE_SLOTS"' in init["command"][-1]


def test_the_gpu_worker_takes_one_gpu_and_says_so() -> None:
    worker = services()["dask-worker-gpu"]
    assert worker["profiles"] == ["gpu"]
    assert worker["deploy"]["resources"]["reservations"]["devices"] == [
        {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    ]
    command = worker["command"]
    assert command[command.index("--resources") + 1] == "GPU=1"
    assert command[command.index("--nworkers") + 1] == "1"
    assert worker["healthcheck"]["test"][-1] == "GPU"
    assert "CUDA_VISIBLE_DEVICES" not in worker["environment"]
    assert services()["dask-worker"]["environment"]["CUDA_VISIBLE_DEVICES"] == "-1"
    assert [name for name, service in services().items() if service.get("profiles")] == ["dask-worker-gpu"]


def test_workers_set_the_threads_that_the_package_reads() -> None:
    worker = services(SECRETS | {"DASK_WORKER_THREADS": "4"})["dask-worker"]["environment"]
    assert {worker[name] for name in ("IG_TASKS_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")} == {"4"}
    assert (worker["GOMP_SPINCOUNT"], worker["OMP_WAIT_POLICY"]) == ("0", "PASSIVE")
    assert worker.items() >= ALLOCATOR.items()


def test_images_are_pinned() -> None:
    images = {name: service["image"] for name, service in services().items()}
    assert re.fullmatch(r"postgres:\d+\.\d+-\w+", images.pop("postgres"))
    assert set(images.values()) == {"ig-tasks:cpu", "ig-tasks:gpu"}
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.11\.\d+-slim-\w+$", dockerfile, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) == {"${PYTHON_IMAGE}"}


def test_the_image_runs_as_a_user_and_installs_the_pinned_set() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    last_stage = dockerfile.rpartition("\nFROM ")[2]
    assert "\nUSER ig\n" in last_stage
    assert last_stage.index("\nUSER ig\n") > last_stage.index("\nRUN mkdir")
    assert "--constraint constraints.txt" in dockerfile
    assert re.search(r"^torch==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    user = [service.get("user") for service in services().values()]
    assert set(user) == {None}  # nothing overrides it


def test_what_the_image_copies_exists_and_passes_the_ignore_file() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines  # everything is left out, secrets too, but for what is named
    let_through = {line[1:] for line in lines if line.startswith("!")}
    left_out = [line for line in lines if line and line[0] not in "!#*"]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sources = {source for group in copied for source in group.split()}
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in let_through, source
        assert not any(fnmatch.fnmatch(source, pattern) for pattern in left_out), source
    assert ".env" not in let_through
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_gpu_images_take_the_gpu_extra() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    for service in services().values():
        arguments = (service.get("build") or {}).get("args", {})
        if "FRAMEWORKS" in arguments:
            assert arguments == {"FRAMEWORKS": "gpu,text"}
            assert re.search(r"^gpu = \[", pyproject, re.MULTILINE)
