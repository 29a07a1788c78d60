"""`make fuzz`: the search of test_contract.py, long and another one each time. FUZZ_EXAMPLES of each operation and kind
of data."""

import os
from typing import Any

import pytest
from schemathesis import Case

from tests.fuzz.conftest import Tenant
from tests.fuzz.test_contract import ask, bad, examples, good

pytestmark = pytest.mark.fuzz
FUZZ_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "1000"))


@good.parametrize()
@examples(FUZZ_EXAMPLES, always_equal=False)
def test_much_good_data_gets_a_promised_answer(case: Case[Any], tenant: Tenant) -> None:
    ask(case, tenant)


@bad.parametrize()
@examples(FUZZ_EXAMPLES, always_equal=False)
def test_much_bad_data_gets_a_promised_answer(case: Case[Any], tenant: Tenant) -> None:
    ask(case, tenant)
