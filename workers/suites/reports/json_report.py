"""The report as JSON: all that is known of a run, for programs.

    {"format": "switchyard-test-report", "version": 1, "written_at": time,
     "run": as GET /v1/test_runs/{id}, and `suite` and `environment` by name, `executions` by verdict,
     "failures": [as GET /v1/test_failures: those remembered ones that this run had],
     "cases": [as GET /v1/test_runs/{id}/cases, and `executions`:
         [as GET /v1/test_runs/{id}/executions/{id}: with every step, request, answer and assertion]]}

A later version adds fields and takes none away; `version` grows where one means something else. Bodies over 64 KiB are
cut, and whole in the file that `file_id` names. It is written piece by piece.
"""

from typing import Any, BinaryIO

from infra import json
from infra.clock import rfc3339
from schemas.suite_run import CaseResultOut, FailureOut, WholeCaseRunOut, case_run_view, failure_view, result_view
from workers.suites.reports import gathering
from workers.suites.reports.gathering import Head, Steps

FORMAT = "switchyard-test-report"
VERSION = 1
_case, _execution, _failure = CaseResultOut(), WholeCaseRunOut(), FailureOut()


def write(head: Head, out: BinaryIO) -> None:
    """Writes the report of a run."""
    out.write(json.dump_bytes(_beginning(head))[:-1] + b',"cases":[')
    for number, (case, runs) in enumerate(gathering.told(head, Steps.ALL)):
        begin = json.dump_bytes(_case.dump(result_view(case)))[:-1]
        out.write((b",\n" if number else b"\n") + begin + b',"executions":[')
        for index, run in enumerate(runs):
            out.write((b"," if index else b"") + json.dump_bytes(_execution.dump(case_run_view(run, whole=True))))
        out.write(b"]}")
    out.write(b"\n]}\n")


def _beginning(head: Head) -> dict[str, Any]:
    names = {"suite": head.suite, "environment": head.environment, "executions": head.executions}
    return {
        "format": FORMAT,
        "version": VERSION,
        "written_at": rfc3339(head.written_at),
        "run": {**head.shown(), **names},
        "failures": [_failure.dump(failure_view(one)) for one in head.remembered.values()],
    }
