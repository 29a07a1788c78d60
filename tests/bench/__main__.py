"""All benchmarks in one run, as markdown for docs/benchmarks.md: `python -m tests.bench [name …]`.

Names are those of the files without `bench_`: submit core jobs burst latency notify memory peers rows streams
webhooks builds specs retrieval search runs faults. Progress goes to stderr.
"""

import sys
import time
from collections.abc import Awaitable, Callable

from tests.bench import (
    bench_builds,
    bench_burst,
    bench_core,
    bench_faults,
    bench_jobs,
    bench_latency,
    bench_memory,
    bench_notify,
    bench_peers,
    bench_retrieval,
    bench_rows,
    bench_runs,
    bench_search,
    bench_specs,
    bench_streams,
    bench_submit,
    bench_webhooks,
)
from tests.bench.field import Field
from tests.bench.load import go
from tests.bench.report import Table

# Memory first, while nothing has grown; the pools of the baseline change as seldom as possible.
ALL: dict[str, Callable[[Field], Awaitable[Table]]] = {
    "memory": bench_memory.measure,
    "submit": bench_submit.measure,
    "latency": bench_latency.measure,
    "core": bench_core.measure,
    "jobs": bench_jobs.measure,
    "burst": bench_burst.measure,
    "notify": bench_notify.measure,
    "peers": bench_peers.measure,
    "rows": bench_rows.measure,
    "streams": bench_streams.measure,
    "webhooks": bench_webhooks.measure,
    "builds": bench_builds.measure,
    "specs": bench_specs.measure,
    "retrieval": bench_retrieval.measure,
    "search": bench_search.measure,
    "runs": bench_runs.measure,
    "faults": bench_faults.measure,
}


async def main(names: list[str]) -> int:
    failed = []
    with Field() as field:
        print(field.machine, flush=True)
        for name in names:
            began = time.monotonic()
            try:
                print((await ALL[name](field)).markdown(), flush=True)
            except Exception as error:
                failed.append(name)
                print(f"\n### {name}\n\nfailed: {type(error).__name__}: {error}", flush=True)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    wanted = sys.argv[1:] or list(ALL)
    if unknown := set(wanted) - set(ALL):
        sys.exit(f"no benchmark named {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    sys.exit(go(main(wanted)))
