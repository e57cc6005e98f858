"""The PDF of a page: all that it says, nothing that it commands."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from ig_tasks.errors import RunError
from ig_tasks.reports import paper
from ig_tasks.reports.page import render_page

MARKUP = '#panic("no") $x$ *a* _b_ `c` @d <e> = f // g \\ #read("/etc/passwd")'


def texts(node, found):
    for child in node["k"]:
        if isinstance(child, str):
            found.append(child)
        else:
            texts(child, found)
    return found


@pytest.fixture(scope="module")
def made(sample):
    pytest.importorskip("typst")
    report = sample.hostile_report()
    page = render_page(report)
    return page, report, paper.pdf_of(page, title=MARKUP, below=MARKUP, created=report.created_at)


def test_a_page_becomes_a_pdf_the_same_each_time(made):
    _, report, pdf = made
    assert pdf.startswith(b"%PDF-")
    small = [paper.pdf_of("<p>a</p>", title="t", below="b", created=report.created_at) for _ in range(2)]
    assert small[0] == small[1]
    assert len(re.findall(rb"/Type */Page\b", pdf)) > 3


def test_all_texts_of_the_page_but_its_contents_are_in_the_tree(sample):
    page = render_page(sample.flights_report(**sample.BARE))
    tree = paper._Tree()
    tree.feed(paper._DRAWING.sub("", page))
    told = "".join(texts(tree.root, [])).replace("\u200b", "")
    body = re.sub(r"<(head|nav|svg)\b.*?</\1>", "", page, flags=re.DOTALL)
    from html import unescape

    wanted = [" ".join(unescape(part).split()) for part in re.split("<[^>]*>", body)]
    plain = " ".join(told.split())
    assert [part for part in wanted if part and part not in plain] == []


def test_markup_of_typst_is_text(made):
    _, report, _ = made
    page = f"<h1>{MARKUP}</h1><table><tr><td>{MARKUP}</td></tr></table>".replace("<e>", "&lt;e&gt;")
    pdf = paper.pdf_of(page, title="t", below="b", created=report.created_at)
    if shutil.which("pdftotext"):
        told = subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True).stdout.decode()
        assert '#panic("no")' in told
        assert "root:x:0" not in told


def test_without_typst_the_message_says_what_to_install(monkeypatch, sample):
    monkeypatch.setattr(paper, "can_make_pdf", lambda: False)
    with pytest.raises(RunError, match=r"pip install 'ig-tasks\[pdf\]'"):
        paper.pdf_of("<p>a</p>", title="t", below="b", created=sample.flights_report().created_at)


def test_a_page_that_cannot_be_set_is_one_line(monkeypatch, sample):
    pytest.importorskip("typst")
    with pytest.raises(RunError, match="the PDF of the report cannot be made") as refused:
        paper.pdf_of("<svg><a></svg>", title="t", below="b", created=sample.flights_report().created_at)
    assert "\n" not in str(refused.value)
