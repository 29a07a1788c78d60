"""The same book as PDF, HTML, reStructuredText and text has the same words."""

import re
from collections import Counter
from pathlib import Path

import pytest

from workers.knowledge.documents import markup, pdf, webpages
from workers.knowledge.documents.base import Document

DATA = Path(__file__).parents[5] / "shared" / "data" / "rag" / "documents" / "formats"
POLICY, REFERENCE = DATA / "debian-policy", DATA / "developers-reference"
WORD = re.compile(r"[^\W_]{2,}")
# Every word is there; how often, a table of contents or a running head decides too.
LEAST, LEAST_AS_OFTEN = 0.97, 0.95

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the public documents are not here")


def words(documents: list[Document]) -> Counter[str]:
    return Counter(word for one in documents for word in WORD.findall(one.text.lower()))


def require_parity(text: Path, others: list[Document]) -> None:
    expected, found = words([markup.read_plain(text, {})]), words(others)
    there = sum(count for word, count in expected.items() if word in found)
    as_often = sum(min(count, found[word]) for word, count in expected.items())

    assert there >= LEAST * expected.total()
    assert as_often >= LEAST_AS_OFTEN * expected.total()


def test_a_pdf_has_the_words_of_the_text() -> None:
    require_parity(POLICY / "fhs-3.0.txt", [pdf.read(POLICY / "fhs-3.0.pdf", {})])


def test_a_long_pdf_has_the_words_of_the_text() -> None:
    found = pdf.read(POLICY / "policy.pdf", {})

    require_parity(POLICY / "policy.txt", [found])
    assert found.pages == 193


def test_a_page_has_the_words_of_the_text() -> None:
    require_parity(REFERENCE / "developers-reference.txt", [webpages.read(REFERENCE / "developers-reference.html", {})])


def test_many_pages_have_the_words_of_the_text() -> None:
    pages = [webpages.read(one, {}) for one in sorted((POLICY / "html").glob("*.html"))]

    require_parity(POLICY / "policy.txt", pages)


def test_its_sources_have_the_words_of_the_text() -> None:
    sources = [markup.read_rst(one, {}) for one in sorted((POLICY / "rst-sources").glob("*.txt"))]

    require_parity(POLICY / "policy.txt", sources)
