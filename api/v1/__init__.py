"""Version 1 of the HTTP contract: its nouns."""

from api.v1 import (
    api_keys,
    batches,
    dead_letters,
    event_types,
    events,
    features,
    files,
    hooks,
    jobs,
    knowledge,
    projects,
    schedules,
    suites,
    traces,
    webhook_deliveries,
    webhook_endpoints,
)

BLUEPRINTS = (
    jobs.bp,
    batches.bp,
    dead_letters.bp,
    api_keys.bp,
    projects.bp,
    files.bp,
    schedules.bp,
    event_types.bp,
    events.bp,
    webhook_endpoints.bp,
    webhook_deliveries.bp,
    hooks.bp,
    knowledge.bp,
    suites.bp,
    traces.bp,
    features.bp,
)
