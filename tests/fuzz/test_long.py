"""`make fuzz`: the search of test_contract.py, long and another one each time. FUZZ_EXAMPLES of each operation and kind
of data."""

import os
from functools import cache

import pytest
from schemathesis import GenerationMode

from tests.fuzz.conftest import Tenant
from tests.fuzz.test_contract import WHOLE, contract, each_operation, examples, walk

pytestmark = pytest.mark.fuzz
good = cache(lambda: contract(GenerationMode.POSITIVE, WHOLE))
bad = cache(lambda: contract(GenerationMode.NEGATIVE, WHOLE))
FUZZ_EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "1000"))


@each_operation
def test_much_good_data_gets_a_promised_answer(path: str, verb: str, tenant: Tenant) -> None:
    walk(good(), path, verb, tenant, examples(FUZZ_EXAMPLES, always_equal=False))


@each_operation
def test_much_bad_data_gets_a_promised_answer(path: str, verb: str, tenant: Tenant) -> None:
    walk(bad(), path, verb, tenant, examples(FUZZ_EXAMPLES, always_equal=False))
