"""A URI that holds a secret is refused without repeating it; the URIs that people use pass."""

import pytest

from ig_tasks.cluster.session import ADDRESS_VARIABLE, ComputeSession
from ig_tasks.errors import SpecError
from ig_tasks.models.config import Card
from ig_tasks.spec import ComputeSpec, ExplanationSpec
from ig_tasks.spec.specification import STORE_VARIABLE
from ig_tasks.spec.uris import check_uri, cut_secrets, without_secrets

SECRET = "hunter2Qx9"
SECRETS = [
    "https://host/data?sig=hunter2Qx9",
    "https://host/data?sv=2020&token=hunter2Qx9",
    "https://host/data?hunter2Qx9",
    "https://host/data#access_token=hunter2Qx9",
    "https://host/data?versionId=1&sig=hunter2Qx9",
    "https://host/data?version=1?sig=hunter2Qx9",
    "https://host?X-Amz-Signature=hunter2Qx9",
    "s3://bucket/data?X-Amz-Credential=hunter2Qx9&X-Amz-Date=1",
    "abfss://container@account.dfs.core.windows.net/data?sig=hunter2Qx9",
    "abfss://container:hunter2Qx9@account.dfs.core.windows.net/data",
    "ftp://hunter2Qx9@host/data",
    "ftp://me:hunter2Qx9@host/data",
    "ftp://me%3Ahunter2Qx9@host/data",
    "ftp://me%3Ahunter2Qx9%40host/data",
    "ftp://me%253Ahunter2Qx9%2540host/data",
    "ftp://me:hunter2Qx9/@host/data",
    "ftp:/me:hunter2Qx9@host/data",
    "ftp:///me/../data?password=hunter2Qx9",
    "simplecache::ftp://me:hunter2Qx9@host/data",
    "zip://x.parquet::https://host/data.zip?sig=hunter2Qx9",
    "host/data?sig=hunter2Qx9",
    "file:///data?token=hunter2Qx9",
    "models://hunter2Qx9@databricks/name/1",
]
HARMLESS = [
    "/data/flights", "../data", "data/month=2013-01", "what?/x", "C:/data", "file:///data/me@home/x", "~/data",
    "s3://bucket/data/month=2013-01", "s3://bucket/name@v2/x", "s3://bucket/data?versionId=abc.DEF_1-2",
    "gs://bucket/data#1699999999", "abfss://container@account.dfs.core.windows.net/data", "https://host:8443/data",
    "https://[::1]:8786/data", "hf://datasets/me/name@main/data", "models:/name/1", "models:/name@champion",
    "runs:/0123/model", "dbfs:/me@company.com/data", "tcp://host:8786", "tls://[fe80::1]:8786", "tls://[::1]",
    "memory://x", "simplecache::s3://bucket/data", "dask_default", "hdfs://name:9000/data",
]  # fmt: skip


@pytest.mark.parametrize("uri", SECRETS)
def test_a_uri_with_a_secret_is_refused_and_not_repeated(uri):
    with pytest.raises(ValueError, match=r"^the URI holds a .*leave it out: workers use credentials") as caught:
        check_uri(uri)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("uri", HARMLESS)
def test_a_uri_without_a_secret_is_itself(uri):
    assert check_uri(uri) == uri
    assert without_secrets(uri) == uri


UNTOLD = ("?hunter", "%40", "%2540", "/@")
"""What is refused in a field for URIs and cannot be told from text elsewhere."""


@pytest.mark.parametrize("uri", [uri for uri in SECRETS if not any(part in uri for part in UNTOLD)])
def test_secrets_are_cut_from_text(uri):
    said = f"cannot reach '{uri}', see https://wiki/page?id=5 or write to me@company.com"
    assert SECRET not in without_secrets(said)
    assert without_secrets(said).endswith("', see https://wiki/page?id=5 or write to me@company.com")
    assert SECRET not in str(cut_secrets({"a": [{"b": uri}], "c": 1}))


@pytest.mark.parametrize("variable", [STORE_VARIABLE, ADDRESS_VARIABLE])
def test_a_secret_in_the_environment_is_refused_by_the_name_of_the_variable(monkeypatch, variable):
    monkeypatch.setenv(variable, "ftp://me:hunter2Qx9@host/x")
    spec = ExplanationSpec.model_validate({"version": 1, "name": "n", "model": "m", "data": "d"})
    with pytest.raises(SpecError, match=f"^{variable}: the URI holds a password") as caught:
        spec.store_uri() if variable == STORE_VARIABLE else ComputeSession(ComputeSpec()).address
    assert SECRET not in str(caught.value)


def test_pydantic_itself_does_not_repeat_what_it_refuses():
    with pytest.raises(ValueError, match="holds a password") as caught:
        ExplanationSpec.model_validate({"version": 1, "name": "n", "model": "ftp://me:hunter2Qx9@host", "data": "d"})
    assert SECRET not in str(caught.value)


def test_links_in_a_card_lose_their_secrets_and_nothing_else():
    card = Card.model_validate({"name": "n", "link": "https://h/x?sig=hunter2Qx9&v=2", "tests": {"auc": 0.5}})
    assert card.model_dump() == {
        "name": "n", "version": "", "owner": "", "intended_use": "", "link": "https://h/x?sig=...&v=2",
        "tests": {"auc": 0.5},
    }  # fmt: skip
