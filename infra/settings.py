"""Every setting, read once from the environment, typed and frozen.

Nothing else in the product reads the environment. A wrong value stops the start with a sentence that names it.
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from environs import Env, EnvError

LONGEST_WAIT_SECONDS = 86_400.0
PROVIDERS = ("openai", "anthropic", "openrouter", "xai", "gemini", "local", "replicate")
_URL_SAFE = str.maketrans("-_", "+/")


class SettingsError(SystemExit):
    """A setting has a value that cannot be used."""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """Key and address of one AI provider; `api_key` None means "not configured", `base_url` None "its own default"."""

    api_key: str | None = field(repr=False)
    base_url: str | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration. Times in seconds, sizes in bytes."""

    database_url: str
    redis_url: str
    broker_url: str
    data: Path
    log_level: str
    log_format: str
    prometheus_multiproc_dir: str | None

    max_body_bytes: int
    max_upload_bytes: int
    anonymous_requests_per_minute: int
    requests_per_minute: int
    trusted_proxies: int
    database_pool: int
    stream_heartbeat_seconds: float

    lease_seconds: float
    heartbeat_seconds: float
    worker_capacity: int
    worker_grace_seconds: float
    inline_result_bytes: int

    project_max_running: int
    project_max_queued: int
    max_queued: int
    retention_days: int
    # Of test runs; 0 keeps them.
    test_run_retention_days: int

    # Of traces; 0 keeps them. Where their observations are: postgres, or clickhouse at its URL.
    trace_retention_days: int
    trace_store: str
    clickhouse_url: str | None = field(repr=False)
    # What a project may send; more is asked to come later.
    spans_per_minute: int
    # How long nothing of a trace must have come before its features are looked for.
    feature_quiet_seconds: float
    # Jobs are traced: into their own project, and to any OTLP endpoint, with these headers.
    trace_jobs: bool
    otlp_export_endpoint: str | None
    otlp_export_headers: dict[str, str] = field(repr=False)

    # What may be called for a user: private networks, on any port, and the ports of everything else.
    allow_private_targets: tuple[IPv4Network | IPv6Network, ...]
    allowed_target_ports: tuple[range, ...]
    # The ports at which databases may be, at public addresses.
    allowed_database_ports: tuple[range, ...]
    # How long a receiver has to answer, and how long a delivery then waits before its second, third, … attempt.
    webhook_timeout_seconds: float
    webhook_retry_seconds: tuple[float, ...]
    # 32 bytes each; the first one seals, all of them open.
    encryption_keys: tuple[bytes, ...] = field(repr=False)

    ai_provider: str
    ai_model: str
    provider_timeout_seconds: float
    model_aliases: dict[str, str]
    providers: dict[str, ProviderSettings]

    s3_bucket: str | None
    s3_endpoint_url: str | None
    # As clients reach the storage, where that is another address than ours.
    s3_public_url: str | None


def _provider(env: Env, name: str) -> ProviderSettings:
    prefix = name.upper()
    return ProviderSettings(env.str(f"{prefix}_API_KEY", None) or None, env.str(f"{prefix}_BASE_URL", None) or None)


def read() -> Settings:
    """The settings of this process's environment; raises SettingsError with a sentence that names the bad one."""
    env = Env()
    try:
        redis_url = env.str("REDIS_URL", "redis://127.0.0.1:6379/0")
        settings = Settings(
            database_url=_sqlalchemy_url(env.str("DATABASE_URL", "postgresql://localhost/switchyard")),
            redis_url=redis_url,
            broker_url=env.str("BROKER_URL", "") or redis_url,
            data=Path(env.str("SWITCHYARD_DATA", ".local")),
            log_level=env.str("LOG_LEVEL", "INFO").upper(),
            log_format=env.str("LOG_FORMAT", "json"),
            prometheus_multiproc_dir=env.str("PROMETHEUS_MULTIPROC_DIR", None) or None,
            max_body_bytes=env.int("MAX_BODY_BYTES", 4 * 1024 * 1024),
            max_upload_bytes=env.int("MAX_UPLOAD_BYTES", 100 * 1024 * 1024),
            anonymous_requests_per_minute=env.int("ANONYMOUS_REQUESTS_PER_MINUTE", 100),
            requests_per_minute=env.int("REQUESTS_PER_MINUTE", 120_000),
            trusted_proxies=env.int("TRUSTED_PROXIES", 0),
            database_pool=env.int("DATABASE_POOL", 16),
            stream_heartbeat_seconds=env.float("STREAM_HEARTBEAT_SECONDS", 15.0),
            lease_seconds=env.float("LEASE_SECONDS", 30.0),
            heartbeat_seconds=env.float("HEARTBEAT_SECONDS", 10.0),
            worker_capacity=env.int("WORKER_CAPACITY", 500),
            worker_grace_seconds=env.float("WORKER_GRACE_SECONDS", 20.0),
            inline_result_bytes=env.int("INLINE_RESULT_BYTES", 256 * 1024),
            project_max_running=env.int("PROJECT_MAX_RUNNING", 0),
            project_max_queued=env.int("PROJECT_MAX_QUEUED", 100_000),
            max_queued=env.int("MAX_QUEUED", 1_000_000),
            **_kept(env),
            **_traced(env),
            **_outward(env),
            ai_provider=env.str("AI_PROVIDER", "sandbox"),
            ai_model=env.str("AI_MODEL", "sandbox"),
            provider_timeout_seconds=env.float("PROVIDER_TIMEOUT_SECONDS", 600.0),
            model_aliases=env.dict("MODEL_ALIASES", {}),
            providers={name: _provider(env, name) for name in PROVIDERS},
            **_stored(env),
        )
    except (EnvError, ValueError) as error:
        raise SettingsError(f"settings: {error}") from None
    return _checked(settings)


def _sqlalchemy_url(url: str) -> str:
    """`postgres://` and `postgresql://`, as people have them, name our driver."""
    for prefix in ("postgres://", "postgresql://"):
        if url.startswith(prefix):
            return "postgresql+psycopg2://" + url.removeprefix(prefix)
    return url


def _kept(env: Env) -> dict[str, Any]:
    return {
        "retention_days": env.int("RETENTION_DAYS", 30),
        "test_run_retention_days": env.int("TEST_RUN_RETENTION_DAYS", 90),
    }


def _stored(env: Env) -> dict[str, Any]:
    return {
        "s3_bucket": env.str("S3_BUCKET", None) or None,
        "s3_endpoint_url": env.str("S3_ENDPOINT_URL", None) or None,
        "s3_public_url": env.str("S3_PUBLIC_URL", None) or None,
    }


def _traced(env: Env) -> dict[str, Any]:
    return {
        "trace_retention_days": env.int("TRACE_RETENTION_DAYS", 30),
        "trace_store": env.str("TRACE_STORE", "postgres"),
        "clickhouse_url": env.str("CLICKHOUSE_URL", None) or None,
        "spans_per_minute": env.int("SPANS_PER_MINUTE", 1_200_000),
        "feature_quiet_seconds": env.float("FEATURE_QUIET_SECONDS", 60.0),
        "trace_jobs": env.bool("TRACE_JOBS", False),
        "otlp_export_endpoint": env.str("OTLP_EXPORT_ENDPOINT", None) or None,
        "otlp_export_headers": env.dict("OTLP_EXPORT_HEADERS", {}),
    }


def _outward(env: Env) -> dict[str, Any]:
    return {
        "allow_private_targets": _networks(env.str("ALLOW_PRIVATE_TARGETS", "")),
        "allowed_target_ports": _ports("ALLOWED_TARGET_PORTS", env.str("ALLOWED_TARGET_PORTS", "80,443,8080,8443")),
        "allowed_database_ports": _ports("ALLOWED_DATABASE_PORTS", env.str("ALLOWED_DATABASE_PORTS", "1024-65535")),
        "webhook_timeout_seconds": env.float("WEBHOOK_TIMEOUT_SECONDS", 15.0),
        "webhook_retry_seconds": _waits(env.str("WEBHOOK_RETRY_SECONDS", "5,300,1800,7200,18000,36000,36000")),
        "encryption_keys": _keys(env.str("ENCRYPTION_KEYS", "")),
    }


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(one) for one in _listed(text))
    except ValueError as error:
        raise ValueError(f"ALLOW_PRIVATE_TARGETS must list networks such as 10.0.0.0/8,fd00::/8: {error}") from None


def _ports(name: str, text: str) -> tuple[range, ...]:
    """`80,8000-8999`."""
    ports = []
    for one in _listed(text):
        found = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", one)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= first <= last <= 65535:
            raise ValueError(f"{name} must list ports and ranges such as 443,8000-8999, not {one!r}")
        ports.append(range(first, last + 1))
    if not ports:
        raise ValueError(f"{name} must list at least one port")
    return tuple(ports)


def _waits(text: str) -> tuple[float, ...]:
    """`5,300,1800`."""
    try:
        waits = tuple(float(one) for one in _listed(text))
    except ValueError:
        waits = (-1.0,)
    if not all(0 <= wait <= LONGEST_WAIT_SECONDS for wait in waits):
        raise ValueError(f"WEBHOOK_RETRY_SECONDS must list at most day-long waits such as 5,300,1800, not {text!r}")
    return waits


def _keys(text: str) -> tuple[bytes, ...]:
    """Base64 or hexadecimal; a message has no part of a key."""
    return tuple(_key(one, number) for number, one in enumerate(_listed(text), start=1))


def _key(text: str, number: int) -> bytes:
    try:
        is_hex = re.fullmatch(r"[0-9a-fA-F]{64}", text)
        key = bytes.fromhex(text) if is_hex else base64.b64decode(text.translate(_URL_SAFE), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise ValueError(
            f"ENCRYPTION_KEYS: key {number} is not 32 bytes in base64 or hexadecimal; make one: openssl rand -base64 32"
        )
    return key


def _checked(settings: Settings) -> Settings:
    def require(ok: bool, sentence: str) -> None:
        if not ok:
            raise SettingsError(f"settings: {sentence}")

    require(
        settings.database_url.startswith("postgresql+psycopg2://"),
        "DATABASE_URL must start with postgresql:// (PostgreSQL is the only database Switchyard uses)",
    )
    require(settings.redis_url.startswith(("redis://", "rediss://", "unix://")), "REDIS_URL must start with redis://")
    require(
        settings.broker_url.startswith(("redis://", "rediss://", "unix://", "amqp://", "amqps://")),
        "BROKER_URL must start with redis:// or amqp://",
    )
    require(settings.log_format in ("json", "console"), 'LOG_FORMAT must be "json" or "console"')
    require(
        settings.log_level in ("DEBUG", "INFO", "WARNING", "ERROR"),
        "LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR",
    )
    require(
        0 < settings.heartbeat_seconds * 2 <= settings.lease_seconds,
        "HEARTBEAT_SECONDS must be at most half of LEASE_SECONDS",
    )
    require(settings.stream_heartbeat_seconds > 0, "STREAM_HEARTBEAT_SECONDS must be more than 0")
    require(settings.worker_capacity > 0, "WORKER_CAPACITY must be at least 1")
    require(settings.project_max_running >= 0, "PROJECT_MAX_RUNNING must be 0 (no limit) or more")
    require(
        min(settings.project_max_queued, settings.max_queued) > 0,
        "PROJECT_MAX_QUEUED and MAX_QUEUED must be at least 1",
    )
    require(settings.retention_days > 0, "RETENTION_DAYS must be at least 1")
    require(settings.test_run_retention_days >= 0, "TEST_RUN_RETENTION_DAYS must be 0 (keep) or more")
    _check_traces(settings, require)
    require(0 < settings.webhook_timeout_seconds <= 60, "WEBHOOK_TIMEOUT_SECONDS must be more than 0 and at most 60")
    require(settings.ai_provider in (*PROVIDERS, "sandbox"), "AI_PROVIDER must be one of the providers or sandbox")
    return settings


def _check_traces(settings: Settings, require: Callable[[bool, str], None]) -> None:
    require(settings.trace_retention_days >= 0, "TRACE_RETENTION_DAYS must be 0 (keep) or more")
    require(settings.trace_store in ("postgres", "clickhouse"), "TRACE_STORE must be postgres or clickhouse")
    require(
        settings.trace_store == "postgres" or bool(settings.clickhouse_url),
        "TRACE_STORE=clickhouse needs CLICKHOUSE_URL, such as http://user:password@localhost:8123/traces",
    )
    require(settings.spans_per_minute > 0, "SPANS_PER_MINUTE must be at least 1")
    require(settings.feature_quiet_seconds > 0, "FEATURE_QUIET_SECONDS must be more than 0")


@cache
def settings() -> Settings:
    """The settings, read at the first call of the process."""
    return read()
