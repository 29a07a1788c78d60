"""New test cases: from an API's description, a trace, or a sentence.

From an API (from_openapi.py, in the jail: jailed.py) the cases of an operation are made by

    positive.py             valid requests: full, minimal, examples, any script, by chance
    bounds.py negative.py   values at their bounds, and one thing wrong at a time
    security.py             without, with wrong and with other credentials
    lifecycles.py           made, read, changed (changes.py), removed; ETag; what there is only one of (singles.py)
    lists.py filters.py     limits, pages, totals, filters, ranges, orders

out of values (values.py; candidates.py, samples.py, texts.py, and Schemathesis behind covering.py) and of requests
(requests.py). Before them drafting.py puts what they need, which resources.py finds in links and paths. What is
expected comes from the specification alone (expectations.py, reflecting.py): no system is asked. storing.py makes
drafts of the cases; by their keys (keys.py) they are known when the operation is generated for again.
"""
