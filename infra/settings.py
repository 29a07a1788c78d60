"""Every setting, read once from the environment, typed and frozen.

Nothing else in the product reads the environment. A wrong value stops the start with a sentence that names it.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from environs import Env, EnvError

PROVIDERS = ("openai", "anthropic", "openrouter", "xai", "gemini", "local", "replicate")


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

    lease_seconds: float
    heartbeat_seconds: float
    worker_capacity: int
    worker_grace_seconds: float
    inline_result_bytes: int

    project_max_running: int
    project_max_queued: int
    max_queued: int
    retention_days: int

    ai_provider: str
    ai_model: str
    provider_timeout_seconds: float
    model_aliases: dict[str, str]
    providers: dict[str, ProviderSettings]

    s3_bucket: str | None
    s3_endpoint_url: str | None


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
            lease_seconds=env.float("LEASE_SECONDS", 30.0),
            heartbeat_seconds=env.float("HEARTBEAT_SECONDS", 10.0),
            worker_capacity=env.int("WORKER_CAPACITY", 500),
            worker_grace_seconds=env.float("WORKER_GRACE_SECONDS", 20.0),
            inline_result_bytes=env.int("INLINE_RESULT_BYTES", 256 * 1024),
            project_max_running=env.int("PROJECT_MAX_RUNNING", 0),
            project_max_queued=env.int("PROJECT_MAX_QUEUED", 100_000),
            max_queued=env.int("MAX_QUEUED", 1_000_000),
            retention_days=env.int("RETENTION_DAYS", 30),
            ai_provider=env.str("AI_PROVIDER", "sandbox"),
            ai_model=env.str("AI_MODEL", "sandbox"),
            provider_timeout_seconds=env.float("PROVIDER_TIMEOUT_SECONDS", 600.0),
            model_aliases=env.dict("MODEL_ALIASES", {}),
            providers={name: _provider(env, name) for name in PROVIDERS},
            s3_bucket=env.str("S3_BUCKET", None) or None,
            s3_endpoint_url=env.str("S3_ENDPOINT_URL", None) or None,
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
    require(settings.worker_capacity > 0, "WORKER_CAPACITY must be at least 1")
    require(settings.project_max_running >= 0, "PROJECT_MAX_RUNNING must be 0 (no limit) or more")
    require(
        min(settings.project_max_queued, settings.max_queued) > 0,
        "PROJECT_MAX_QUEUED and MAX_QUEUED must be at least 1",
    )
    require(settings.retention_days > 0, "RETENTION_DAYS must be at least 1")
    require(settings.ai_provider in (*PROVIDERS, "sandbox"), "AI_PROVIDER must be one of the providers or sandbox")
    return settings


@cache
def settings() -> Settings:
    """The settings, read at the first call of the process."""
    return read()
