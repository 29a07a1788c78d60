"""The kind that finds features in traces."""

from typing import Any

from schemas.feature_analyze import FeatureAnalyzeIn, FeatureAnalyzeOut
from workers.kinds import costs
from workers.kinds.base import Context, Kind, Retry
from workers.providers import names

Json = dict[str, Any]

NAME = "feature.analyze"


def check(payload: Json) -> None:
    """Refuses a model that cannot be asked."""
    if payload.get("model") is not None:
        names.require_configured(names.target(payload["model"], pointer="/input/model").provider)


def serial(_payload: Json) -> str:
    """Analyses of one project run one after the other, so that each feature is found once."""
    return NAME


def priced(payload: Json) -> bool:
    """Whether the model that names features, if there is one, has a list price."""
    model = payload.get("model")
    return model is None or costs.priced([names.target(model)])


async def run(ctx: Context, payload: Json) -> Json:
    """Analyses them."""
    from workers.features import analysing  # what it does imports the kinds, too

    wish: Json = FeatureAnalyzeIn().load(payload)
    return await analysing.analyse(ctx, wish)


KIND = Kind(
    name=NAME,
    title="Feature analysis",
    queue="features",
    payload=FeatureAnalyzeIn,
    result=FeatureAnalyzeOut,
    run=run,
    example={"since": "2026-01-31T00:00:00Z", "model": "sandbox"},
    check=check,
    scope=lambda _: "features:write",
    serial=serial,
    priced=priced,
    retry=Retry(attempts=5, base_seconds=5.0),
    timeout_seconds=3600.0,
)
