"""Benchmarks: Switchyard beside the backend people write today, in one run, on one machine.

    make bench                          everything, one markdown table (python -m tests.bench)
    python -m tests.bench.bench_submit  one of them

See docs/benchmarks.md for the figures and the machine they were taken on.
"""
