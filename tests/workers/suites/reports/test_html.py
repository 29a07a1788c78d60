"""HTML: readable, harmless, complete in itself, and not too long."""

import base64
import hashlib
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from lxml import etree
from lxml import html as parser

from infra import db
from tests.workers.jobs.conftest import Core
from tests.workers.suites.recorded import Recorder, executed, http_step
from tests.workers.suites.reports.conftest import Written
from workers.suites.reports import gathering, html
from workers.suites.reports.html_steps import BODIES_OF_PAGE

CHROMIUM = shutil.which("chromium")


def page_of(written: Written) -> etree._Element:
    return parser.document_fromstring(written(html.write).decode())


def test_what_is_new_comes_first_and_everything_is_counted(written: Written) -> None:
    page = page_of(written)
    heads = [" ".join(one.text_content().split()) for one in page.iter("h2")]
    assert heads == [
        "Around the suite 1",
        "New since the last green run 2",
        "Known failures 3",
        "Flaky 1",
        "Flaky cases, one by one 1",
        "In quarantine 1",
        "Said by a person 2",
        "Slowest",
        "All cases 10",
    ]
    figures = {one.find("dt").text: one.find("dd").text for one in page.find_class("figures")[0]}
    assert figures["passed"] == "2" and figures["failed"] == "4" and figures["quarantined"] == "1"
    assert figures["new failures"] == "2" and figures["executions"] == "18"
    assert "seen 12 times since" in page.text_content() and "curl " in page.find_class("curl")[0].text


def test_what_came_from_outside_is_text_and_the_policy_lets_in_nothing_else(written: Written) -> None:
    text = written(html.write).decode()
    page = parser.document_fromstring(text)
    assert len(list(page.iter("script"))) == 1 and not list(page.iter("img", "link", "iframe", "object"))
    assert "&lt;script&gt;document.title" in text and "src=" not in re.sub(r"&lt;.*?&gt;", "", text)
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256(page.find(f".//{tag}").text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert not page.xpath("//@style") and not page.xpath("//@onclick")


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_a_browser_runs_our_script_and_not_theirs(written: Written, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_bytes(written(html.write))
    command = [str(CHROMIUM), "--headless", "--no-sandbox", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    shown = subprocess.run([*command, file.as_uri()], capture_output=True, text=True, check=True, timeout=60).stdout
    page = parser.document_fromstring(shown)
    assert page.find(".//title").text == "failed: Shop smoke"
    assert page.find(".//output").text == "10 of 10" and page.find_class("filter")[0].get("hidden") is None


def test_a_page_stays_short_however_much_failed(core: Core) -> None:
    project, long = core.project(), "x" * 60_000
    with db.transaction() as session:
        run = Recorder(session, project)
        step = http_step("failed", status=500, body=long)
        for number in range(230):
            run.case(f"case {number}", *(executed("failed", step, repetition=n) for n in range(1 + number % 2)))
        made = run.end()
    out = io.BytesIO()
    html.write(gathering.head(project, made.id), out)
    text = out.getvalue().decode()
    assert text.count('<details class="run"') == html.SHOWN_WHOLE
    assert "145 executions that did not pass are counted here and not shown." in text
    assert len(text) < BODIES_OF_PAGE + 2 * 1024 * 1024 and long not in text
    assert "Not shown: this page is long enough." not in text
