"""The relay's clockwork."""

from sqlalchemy.orm import Session

from tasks.app import app
from workers.jobs import outbox


@app.task(name="outbox.relay")
def relay(session: Session) -> int:
    """Hints again at queued jobs that nobody has claimed."""
    return outbox.relay(session)
