"""Runs of test cases: the run, what became of each case in it, each execution, and the failures that are remembered."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Double, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, InProject, Record


class Verdict(StrEnum):
    """What came of a step, an execution, a case or a run. `errored`: it could not be said whether it passed; `flaky`:
    the same thing passed and failed; `skipped`: it was not tried; `cancelled`: the run was stopped."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"
    FLAKY = "flaky"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class CaseRunDecision(StrEnum):
    """What a person made of how a case ended: what came back is right from now on, a fault, or a case apart."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    NEW_CASE = "new_case"


class Run(Record, InProject):
    """A run; its id is its job's, behind another prefix.

    `wishes` is the job's input as it was understood, `plan` the cases with their versions as they were when it began,
    so that another attempt goes on with the same ones: `[{case_id, version, rows}]`. `total` and `done` count
    executions, `counts` cases by verdict. `verdict` is null until the end. `green_run_id` is the last run of the same
    suite or cases that passed; `reports` are file ids by format. `selection` is the same for runs of the same suite,
    or of the same cases.
    """

    __tablename__ = "test_runs"
    __table_args__ = (
        Index(None, "project_id", "id"),
        Index(None, "suite_id", "id", postgresql_where=text("suite_id IS NOT NULL")),
        Index(None, "project_id", "selection", "id"),
        Index("ix_test_runs_open", "id", postgresql_where=text("verdict IS NULL")),
    )
    prefix = "run"

    project_id: Mapped[UUID]
    created_by: Mapped[UUID | None]
    suite_id: Mapped[UUID | None]
    environment_id: Mapped[UUID | None]
    wishes: Mapped[dict[str, Any]]
    selection: Mapped[str | None]
    plan: Mapped[list[Any]] = mapped_column(deferred=True)
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    seed: Mapped[int] = mapped_column(Integer)
    total: Mapped[int] = mapped_column(Integer, default=0)
    done: Mapped[int] = mapped_column(Integer, default=0)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    verdict: Mapped[str | None]
    reason: Mapped[str | None]
    rerun_of: Mapped[UUID | None]
    green_run_id: Mapped[UUID | None]
    around: Mapped[dict[str, Any]] = mapped_column(default=dict)
    reports: Mapped[dict[str, Any]] = mapped_column(default=dict)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class CaseResult(Base, InProject):
    """What became of a case in a run: `counts` of its executions by verdict, the first reason, the fingerprints of its
    failures and which of them are new since the last green run. A person's verdict stands over ours (`override`)."""

    __tablename__ = "test_case_results"
    __table_args__ = (
        Index(None, "case_id", "run_id"),
        Index(None, "run_id", "position"),
    )

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    case_id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(Integer)
    case_version: Mapped[int] = mapped_column(Integer)
    name: Mapped[str]
    verdict: Mapped[str]
    reason: Mapped[str | None]
    counts: Mapped[dict[str, Any]]
    milliseconds: Mapped[float] = mapped_column(Double)
    fingerprints: Mapped[list[str]] = mapped_column(ARRAY(Text))
    new_fingerprints: Mapped[list[str]] = mapped_column(ARRAY(Text))
    quarantined: Mapped[bool] = mapped_column(default=False)
    override: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    decision: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    finished_at: Mapped[datetime]

    @property
    def stands(self) -> str:
        """The verdict that counts: a person's, else ours."""
        return (self.override or {}).get("verdict") or self.verdict


class CaseRun(Record, InProject):
    """One execution of a case: with one data row, for one of the times. `steps` are its steps' results with requests
    and answers, secrets taken out; `attempt` is the job's that executed it."""

    __tablename__ = "test_case_runs"
    __table_args__ = (UniqueConstraint("run_id", "case_id", "data_row", "repetition"),)
    prefix = "crun"

    project_id: Mapped[UUID]
    run_id: Mapped[UUID]
    case_id: Mapped[UUID]
    case_version: Mapped[int] = mapped_column(Integer)
    data_row: Mapped[int] = mapped_column(Integer)
    repetition: Mapped[int] = mapped_column(Integer)
    attempt: Mapped[int] = mapped_column(Integer)
    verdict: Mapped[str]
    reason: Mapped[str | None]
    fingerprint: Mapped[str | None]
    trace_id: Mapped[str]
    milliseconds: Mapped[float] = mapped_column(Double)
    steps: Mapped[list[Any]] = mapped_column(deferred=True)


class Failure(Record, InProject):
    """A failure of a case, known by its fingerprint: when it was first and last seen, and how often."""

    __tablename__ = "test_failures"
    __table_args__ = (
        UniqueConstraint("case_id", "fingerprint"),
        Index(None, "project_id", "id"),
    )
    prefix = "fail"

    project_id: Mapped[UUID]
    case_id: Mapped[UUID]
    fingerprint: Mapped[str]
    step: Mapped[str]
    reason: Mapped[str]
    occurrences: Mapped[int] = mapped_column(Integer, default=1)
    first_run_id: Mapped[UUID]
    first_seen_at: Mapped[datetime]
    last_run_id: Mapped[UUID]
    last_seen_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
