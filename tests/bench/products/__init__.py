"""Simulated products whose traces know which feature they are: for the figures of feature analysis.

    from tests.bench.products import Change, traces
    for one in traces("shop", seed=1, count=1000): one.spans, one.feature, one.at

Four products: `shop` (an assistant behind one endpoint, and plain routes), `devtools` (agents and tools, by several
frameworks), `office` (documents, retrieval, drafting, batches) and `travel` (telephone; for reporting alone). Seeds
1-9 are for tuning, 100 and above for reporting: these speak mostly in phrases that the others never use.
"""

from tests.bench.products.declared import product, sharing
from tests.bench.products.labels import CAUSES, Change, Labelled
from tests.bench.products.simulating import PRODUCTS, START, traces

__all__ = ["CAUSES", "PRODUCTS", "START", "Change", "Labelled", "product", "sharing", "traces"]
