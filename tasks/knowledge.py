"""Knowledge bases' clockwork."""

from celery import Task

from tasks.app import app
from workers.knowledge import clearing


@app.task(name="knowledge.clear", base=Task)
def clear_knowledge() -> int:
    """Versions that are kept no longer, and deleted knowledge bases; in many short transactions of its own."""
    return clearing.sweep()


@app.task(name="knowledge.forget_history", base=Task)
def forget_history() -> int:
    """Old revisions that neither draft nor version shows; in many short transactions of its own."""
    return clearing.forget_history()
