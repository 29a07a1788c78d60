"""Celery's settings, each under its reason. PostgreSQL holds the truth; Celery carries hints and runs the clockwork."""

from kombu import Queue

from infra.broker import is_rabbitmq, queue_arguments
from infra.settings import settings

broker_url = settings().broker_url
# A broker that is away is waited for, for ever; one that is not there yet at the start too.
broker_connection_retry_on_startup = True
broker_connection_max_retries = None
broker_connection_timeout = 3
# A broker that answers nothing (frozen, out of memory) must not hold a process for ever: then it connects again.
broker_transport_options = (
    {"read_timeout": 10, "write_timeout": 3}
    if is_rabbitmq(broker_url)
    else {"socket_connect_timeout": 3, "socket_keepalive": True, "health_check_interval": 10}
)
broker_heartbeat = 10

# A job's result is its row.
task_ignore_result = True
result_backend = None

# Only ids travel, so JSON is enough and nothing private is in the broker.
task_serializer = "json"
accept_content = ["json"]

# The lease in PostgreSQL is the acknowledgement; the broker's own would only cost two round trips a message and bring
# duplicates. What a crashed worker had received, the relay sends again. Nothing is prefetched by a hint: queued jobs
# wait in PostgreSQL, where priorities are exact.
task_acks_late = False
worker_prefetch_multiplier = 1
worker_cancel_long_running_tasks_on_connection_loss = False

# Each queue has a consumer in Makefile, docker-compose and infra/dev; tests/house checks it.
# RabbitMQ's are quorum queues, whose consumers may go without acknowledgement like all others.
task_queues = tuple(
    Queue(name, no_ack=True, queue_arguments=queue_arguments(broker_url))
    for name in ("completions", "images", "ingest", "rag", "testruns", "features", "webhooks", "default")
)
task_default_queue = "default"
task_create_missing_queues = False
worker_consumer = "tasks.consumer:Consumer"
# RabbitMQ: a worker that comes back before its old connection was missed would find an exclusive queue locked, and end.
control_queue_exclusive = event_queue_exclusive = False
control_queue_durable = event_queue_durable = True

imports = ("tasks.jobs", "tasks.knowledge", "tasks.outbox", "tasks.sweeps", "tasks.traces", "tasks.webhooks")

# Logs are ours (infra/logs.py); Flower reads the events.
worker_hijack_root_logger = False
worker_send_task_events = True
task_send_sent_event = False
# Parsers leak: a CPU worker's child is replaced now and then, or when it grows.
worker_max_tasks_per_child = 200
worker_max_memory_per_child = 600_000

timezone = "UTC"
beat_schedule = {
    "relay": {"task": "outbox.relay", "schedule": 1.0, "options": {"expires": 5}},
    "jobs": {"task": "sweeps.jobs", "schedule": 1.0, "options": {"expires": 5}},
    "read_batches": {"task": "batches.read", "schedule": 1.0, "options": {"expires": 5}},
    "batches": {"task": "sweeps.batches", "schedule": 1.0, "options": {"expires": 5}},
    "retention": {"task": "sweeps.retention", "schedule": 60.0, "options": {"expires": 60}},
    "files": {"task": "sweeps.files", "schedule": 30.0, "options": {"expires": 30}},
    "knowledge": {"task": "knowledge.clear", "schedule": 60.0, "options": {"expires": 60}},
    "knowledge_history": {"task": "knowledge.forget_history", "schedule": 3600.0, "options": {"expires": 3600}},
    "deliveries": {"task": "webhooks.retention", "schedule": 60.0, "options": {"expires": 60}},
    "orphans": {"task": "webhooks.orphans", "schedule": 5.0, "options": {"expires": 5}},
    "schedules": {"task": "sweeps.schedules", "schedule": 1.0, "options": {"expires": 5}},
    "inbox": {"task": "sweeps.inbox", "schedule": 5.0, "options": {"expires": 5}},
    "builds": {"task": "sweeps.builds", "schedule": 5.0, "options": {"expires": 5}},
    "embeddings": {"task": "sweeps.embeddings", "schedule": 600.0, "options": {"expires": 600}},
    "abandoned_runs": {"task": "sweeps.abandoned_test_runs", "schedule": 5.0, "options": {"expires": 5}},
    "test_runs": {"task": "sweeps.test_runs", "schedule": 60.0, "options": {"expires": 60}},
    "traces": {"task": "traces.roll_up", "schedule": 1.0, "options": {"expires": 5}},
    "trace_days": {"task": "traces.days", "schedule": 30.0, "options": {"expires": 30}},
    "trace_retention": {"task": "traces.retention", "schedule": 60.0, "options": {"expires": 60}},
    "feature_moves": {"task": "features.move", "schedule": 2.0, "options": {"expires": 5}},
    "feature_lessons": {"task": "features.teach", "schedule": 2.0, "options": {"expires": 5, "queue": "features"}},
    "feature_reruns": {"task": "features.reruns", "schedule": 2.0, "options": {"expires": 5}},
    "features": {"task": "features.quiet", "schedule": 2.0, "options": {"expires": 5}},
    "idempotency": {"task": "sweeps.forget_idempotency_keys", "schedule": 600.0, "options": {"expires": 600}},
}
