"""A test run as clients ask for it: what is run, and how its job is to be treated."""

from typing import Any

from schemas.job import RunAtIn, WishesIn
from schemas.test_run import RunDefaults, RunJobIn

Json = dict[str, Any]

_INPUT = RunJobIn()
_FIELDS = RunJobIn._declared_fields


class TestRunIn(RunJobIn, WishesIn, RunAtIn):
    """Which test cases are run, where, and how."""

    # Else pytest takes it for tests.
    __test__ = False


class SuiteRunIn(RunDefaults, WishesIn, RunAtIn):
    """Where a suite is run, and how."""

    environment = _FIELDS["environment"]
    variables = _FIELDS["variables"]
    seed = _FIELDS["seed"]
    include_drafts = _FIELDS["include_drafts"]
    data_rows = _FIELDS["data_rows"]


def input_of(body: Json) -> Json:
    """The job's input in a loaded TestRunIn or SuiteRunIn, as JSON."""
    shown: Json = _INPUT.dump({name: value for name, value in body.items() if name in _FIELDS})
    return shown
