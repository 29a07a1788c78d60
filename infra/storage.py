"""Where large bytes live: an S3 bucket if one is set, else a folder under SWITCHYARD_DATA."""

from functools import cache
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from infra.errors import NotFound, Unavailable
from infra.settings import settings


class Store(Protocol):
    """Keys are `folder/…/name` without `..`; bytes are whole objects."""

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Writes the object, replacing what was there; raises Unavailable."""

    def get(self, key: str) -> bytes:
        """The object; raises NotFound or Unavailable."""


class Folder:
    """Objects as files; a reader never sees half of one."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Writes beside, then renames."""
        path = self._root / key
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(f"{path.name}.{uuid4().hex}.part")
            beside.write_bytes(body)
            beside.replace(path)
        except OSError as error:
            raise Unavailable(f"The storage folder cannot be written: {error.strerror}.") from error

    def get(self, key: str) -> bytes:
        """Reads the file."""
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            raise NotFound("The stored object is gone.") from None


class Bucket:
    """Objects in S3 or anything that speaks its API."""

    def __init__(self, name: str, endpoint_url: str | None) -> None:
        self._name = name
        # 25 MB that only those who have a bucket shall pay for.
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        self._errors = (BotoCoreError, ClientError)
        limits = Config(connect_timeout=3, read_timeout=20, retries={"max_attempts": 3, "mode": "standard"})
        self._s3: Any = boto3.client("s3", endpoint_url=endpoint_url, config=limits)

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """One PUT."""
        try:
            self._s3.put_object(Bucket=self._name, Key=key, Body=body, ContentType=content_type)
        except self._errors as error:
            raise Unavailable(f"The object storage refused a write: {error}.") from error

    def get(self, key: str) -> bytes:
        """One GET."""
        try:
            body: bytes = self._s3.get_object(Bucket=self._name, Key=key)["Body"].read()
            return body
        except self._s3.exceptions.NoSuchKey:
            raise NotFound("The stored object is gone.") from None
        except self._errors as error:
            raise Unavailable(f"The object storage does not answer: {error}.") from error


@cache
def store() -> Store:
    """The store that the settings name."""
    if settings().s3_bucket:
        return Bucket(settings().s3_bucket or "", settings().s3_endpoint_url)
    return Folder(settings().data / "files")
