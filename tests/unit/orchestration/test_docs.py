from ig_tasks.orchestration.docs import dag_page, plain
from ig_tasks.spec import load_spec


def test_the_page_says_what_where_and_whose(document):
    document["schedule"] = {"cron": "0 6 2 * *", "partition": "%Y-%m", "offset": -1, "end": "2014-01-31"}
    document["store"] = "s3://reports"
    page = dag_page(load_spec(document)).replace("\\", "")
    for text in (
        "What drives a refusal",
        "| Model | s3://models/loans |",
        "| Output explained | refused |",
        "| Data | s3://data/loans, partitions by month |",
        "| Schedule | 0 6 2 * * (UTC), for partition %Y-%m of 1 period before, from ever to 2014-01-31 |",
        "| Owner | credit-risk |",
        "| Reports | s3://reports/loans |",
        "airflow backfill create --dag-id ig_loans",
        "airflow pools set",
    ):
        assert text in page


def test_names_are_shown_as_they_are_and_do_nothing(document):
    evil = "</script><script>alert(1)</script> [x](javascript:alert(1)) | `b`"
    document["description"] = evil
    document["features"] = {evil: {}}
    document["owner"] = evil
    page = dag_page(load_spec(document))
    assert "<script" not in page
    assert "[x](" not in page
    (owner,) = [line for line in page.splitlines() if line.startswith("| Owner")]
    assert owner.replace("\\|", "").count("|") == 3


def test_plain_text_is_one_line():
    assert plain("a\n# b") == "a \\# b"


def test_the_page_says_how_to_wait_for_the_reports_and_what_a_form_asks(document):
    page = dag_page(load_spec(document))
    assert 'schedule=on_reports("loans")' in page
    assert '`schedule=[Asset("ig://loans")]` never starts' in page
    assert "*Trigger* asks for a partition, a sample, a tolerance and a baseline strategy" in page
    undivided = dag_page(load_spec({**document, "data": "s3://data/loans"}))
    assert "*Trigger* asks for a sample, a tolerance and a baseline strategy" in undivided
