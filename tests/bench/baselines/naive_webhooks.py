"""Webhooks as people send them: a Celery task a delivery, `requests.post` in it, retried by Celery.

Signed as Standard Webhooks says, 15 s of patience, retries with a backoff. What it does not have is what takes weeks:
no row is written before or after, there is no rate, and a receiver that hangs takes the places of all others.

    celery -A tests.bench.baselines.naive_webhooks:celery worker -P threads -c 16
    python -m tests.bench.baselines.naive_webhooks http://127.0.0.1:9000 40 100 --hanging 1

The second sends 40 events to each of 100 receivers, of which one hangs. Reads REDIS_URL. `requests` comes with what the
tests need (moto, schemathesis); the product does not have it.
"""

import argparse
import base64
import hmac
import json
import os
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import requests
from celery import Celery

SECRET = b"0123456789abcdef0123456789abcdef"

celery = Celery("naive", broker=os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))
celery.conf.update(
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    broker_pool_limit=16,
    worker_prefetch_multiplier=4,
    broker_connection_retry_on_startup=True,
)


@celery.task(  # type: ignore[untyped-decorator]
    name="deliver", autoretry_for=(requests.RequestException,), retry_backoff=5, retry_jitter=True, max_retries=8
)
def deliver(url: str, event: dict[str, Any]) -> None:
    body = json.dumps(event)
    moment = int(time.time())
    signature = hmac.digest(SECRET, f"{event['id']}.{moment}.{body}".encode(), "sha256")
    answer = requests.post(
        url,
        data=body,
        headers={
            "content-type": "application/json",
            "webhook-id": event["id"],
            "webhook-timestamp": str(moment),
            "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
        },
        timeout=15,
    )
    answer.raise_for_status()


def scheduled() -> dict[str, Any]:
    """An event as Switchyard's."""
    job = f"job_{uuid.uuid4().hex}"
    return {
        "id": f"evt_{uuid.uuid4().hex}",
        "type": "job.scheduled",
        "created_at": datetime.now(UTC).isoformat(),
        "project_id": f"proj_{uuid.uuid4().hex}",
        "sequence": 1,
        "data": {"job_id": job, "kind": "completion", "status": "scheduled", "attempt": 0},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("events", type=int)
    parser.add_argument("receivers", type=int)
    parser.add_argument("--hanging", type=int, default=0)
    arguments = parser.parse_args()
    for _ in range(arguments.events):
        event = scheduled()
        for number in range(arguments.receivers):
            path = "hang" if number < arguments.hanging else "ok"
            deliver.delay(f"{arguments.url}/{path}/{number}", event)
