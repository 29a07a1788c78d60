"""All benchmarks in one run, as markdown for docs/benchmarks.md: `python -m tests.bench [name …]`.

Names are those of the files without `bench_`: submit core jobs burst latency notify memory peers rows streams
webhooks traces builds specs retrieval search runs faults features. Without a name all of them are run, but for
trace_reads, which is run only when it is named: its ten million rows take half an hour and 10 GB of disk. Progress goes
to stderr.
"""

import sys
import time
from collections.abc import Awaitable, Callable

from tests.bench import (
    bench_builds,
    bench_burst,
    bench_core,
    bench_faults,
    bench_features,
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
    bench_trace_reads,
    bench_traces,
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
    "traces": bench_traces.measure,
    "builds": bench_builds.measure,
    "specs": bench_specs.measure,
    "retrieval": bench_retrieval.measure,
    "search": bench_search.measure,
    "runs": bench_runs.measure,
    "faults": bench_faults.measure,
    "features": bench_features.measure,
}
ONLY_BY_NAME: dict[str, Callable[[Field], Awaitable[Table]]] = {"trace_reads": bench_trace_reads.measure}


async def main(names: list[str]) -> int:
    failed = []
    known = ALL | ONLY_BY_NAME
    with Field() as field:
        print(field.machine, flush=True)
        for name in names:
            began = time.monotonic()
            try:
                print((await known[name](field)).markdown(), flush=True)
            except Exception as error:
                failed.append(name)
                print(f"\n### {name}\n\nfailed: {type(error).__name__}: {error}", flush=True)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    wanted = sys.argv[1:] or list(ALL)
    if unknown := set(wanted) - {*ALL, *ONLY_BY_NAME}:
        sys.exit(f"no benchmark named {', '.join(sorted(unknown))}; there are {', '.join([*ALL, *ONLY_BY_NAME])}")
    sys.exit(go(main(wanted)))
