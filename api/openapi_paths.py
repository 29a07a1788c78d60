"""The parameters in paths: ids by their prefix, and what is no id."""

import re
from typing import Any

from werkzeug.routing import Rule

from models import (
    ENTRY_PREFIX,
    ApiKey,
    Batch,
    Case,
    CaseRun,
    DatabaseConnection,
    Environment,
    Failure,
    Feature,
    FeatureDrift,
    Hook,
    InboxMessage,
    Job,
    KbEvaluation,
    KbQuery,
    KnowledgeBase,
    Project,
    Run,
    Schedule,
    StoredFile,
    Suite,
    Trace,
    WebhookDelivery,
    WebhookEndpoint,
)
from schemas.templated import NAME_PATTERN

Json = dict[str, Any]

PREFIXES = {
    "batch_id": Batch.prefix,
    "case_id": Case.prefix,
    "case_run_id": CaseRun.prefix,
    "database_id": DatabaseConnection.prefix,
    "dead_letter_id": "dl",
    "delivery_id": WebhookDelivery.prefix,
    "endpoint_id": WebhookEndpoint.prefix,
    "environment_id": Environment.prefix,
    "entry_id": f"({'|'.join(ENTRY_PREFIX.values())})",
    "evaluation_id": KbEvaluation.prefix,
    "failure_id": Failure.prefix,
    "drift_id": FeatureDrift.prefix,
    "feature_id": Feature.prefix,
    "file_id": StoredFile.prefix,
    "hook_id": Hook.prefix,
    "job_id": Job.prefix,
    "kb_id": KnowledgeBase.prefix,
    "key_id": ApiKey.prefix,
    "message_id": InboxMessage.prefix,
    "project_id": Project.prefix,
    "query_id": KbQuery.prefix,
    "run_id": Run.prefix,
    "schedule_id": Schedule.prefix,
    "suite_id": Suite.prefix,
    "trace_id": Trace.prefix,
}
# Path parameters that are no ids.
SHAPES: dict[str, Json] = {
    "number": {"type": "integer", "minimum": 1, "maximum": 2_147_483_647},
    "secret_name": {"type": "string", "pattern": f"^{NAME_PATTERN}$"},
}


def path_parameter(rule: Rule, name: str) -> Json:
    """One parameter of a route's path."""
    prefix, chosen = PREFIXES.get(name), re.search(rf"<any\(([^)]*)\):{name}>", rule.rule)
    schema: Json = {"type": "string", **({"pattern": f"^{prefix}_[0-9a-f]{{32}}$"} if prefix else {})}
    if chosen is not None:
        schema["enum"] = [one.strip() for one in chosen[1].split(",")]
    return {"name": name, "in": "path", "required": True, "schema": SHAPES.get(name, schema)}
