"""Where large bytes live: an S3 bucket if one is set, else a folder under SWITCHYARD_DATA."""

import io
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from uuid import uuid4

from infra.errors import NotFound, Unavailable
from infra.settings import settings

PIECE = 1024 * 1024
PART = 8 * 1024 * 1024


class Store(Protocol):
    """Keys are `folder/…/name` without `..`. What is large is written from a file and read as a stream."""

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """Writes the object, replacing what was there; raises Unavailable."""

    def get(self, key: str) -> bytes:
        """The object; raises NotFound or Unavailable."""

    def put_file(self, key: str, body: BinaryIO, content_type: str) -> None:
        """Writes the object from where the file stands to its end; raises Unavailable."""

    def open(self, key: str, start: int = 0, length: int | None = None) -> AbstractContextManager[BinaryIO]:
        """The object as a stream that begins at that byte, which exists; no more than `length` bytes of it need be
        readable. Raises NotFound or Unavailable."""
        ...

    def signed_url(self, key: str, seconds: int, *, content_type: str, disposition: str) -> str | None:
        """An address at which anybody may get the object for so long, with these headers; None where the store has no
        addresses."""

    def delete(self, key: str) -> None:
        """Takes the object away, if it is there; raises Unavailable."""


class Folder:
    """Objects as files; a reader never sees half of one."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """As from a file."""
        self.put_file(key, io.BytesIO(body), content_type)

    def get(self, key: str) -> bytes:
        """Reads the file."""
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            raise NotFound("The stored object is gone.") from None

    def put_file(self, key: str, body: BinaryIO, content_type: str) -> None:
        """Writes beside, then renames."""
        path = self._root / key
        beside = path.with_name(f"{path.name}.{uuid4().hex}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with beside.open("xb") as file:
                    shutil.copyfileobj(body, file, PIECE)
                beside.replace(path)
            except BaseException:
                beside.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise Unavailable(f"The storage folder cannot be written: {error.strerror}.") from error

    @contextmanager
    def open(self, key: str, start: int = 0, length: int | None = None) -> Iterator[BinaryIO]:
        """Opens the file."""
        try:
            file = (self._root / key).open("rb")
        except FileNotFoundError:
            raise NotFound("The stored object is gone.") from None
        except OSError as error:
            raise Unavailable(f"The storage folder cannot be read: {error.strerror}.") from error
        with file:
            file.seek(start)
            yield file

    def signed_url(self, key: str, seconds: int, *, content_type: str, disposition: str) -> str | None:
        """A folder has none."""
        return None

    def delete(self, key: str) -> None:
        """Unlinks the file."""
        try:
            (self._root / key).unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"The storage folder cannot be written: {error.strerror}.") from error


class Bucket:
    """Objects in S3 or anything that speaks its API."""

    def __init__(self, name: str, endpoint_url: str | None, public_url: str | None = None) -> None:
        self._name = name
        # 25 MB that only those who have a bucket shall pay for.
        import boto3
        from boto3.exceptions import Boto3Error
        from boto3.s3.transfer import TransferConfig
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        self._errors = (BotoCoreError, ClientError, Boto3Error)
        limits = Config(
            connect_timeout=3,
            read_timeout=20,
            retries={"max_attempts": 3, "mode": "standard"},
            signature_version="s3v4",
        )
        self._s3: Any = boto3.client("s3", endpoint_url=endpoint_url, config=limits)
        # What is signed names the host that clients know.
        self._public = boto3.client("s3", endpoint_url=public_url, config=limits) if public_url else self._s3
        # At most five parts in memory.
        self._parts = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=4)

    def put(self, key: str, body: bytes, content_type: str) -> None:
        """One PUT."""
        try:
            self._s3.put_object(Bucket=self._name, Key=key, Body=body, ContentType=content_type)
        except self._errors as error:
            raise Unavailable(f"The object storage refused a write: {error}.") from error

    def put_file(self, key: str, body: BinaryIO, content_type: str) -> None:
        """In parts where it is large; the object is there when all of them are."""
        extra = {"ContentType": content_type}
        try:
            self._s3.upload_fileobj(body, self._name, key, ExtraArgs=extra, Config=self._parts)
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

    @contextmanager
    def open(self, key: str, start: int = 0, length: int | None = None) -> Iterator[BinaryIO]:
        """One GET, from that byte on."""
        last = "" if length is None else start + length - 1
        try:
            found = self._s3.get_object(Bucket=self._name, Key=key, Range=f"bytes={start}-{last}")["Body"]
        except self._s3.exceptions.NoSuchKey:
            raise NotFound("The stored object is gone.") from None
        except self._errors as error:
            raise Unavailable(f"The object storage does not answer: {error}.") from error
        try:
            yield io.BufferedReader(found, PIECE)
        except self._errors as error:
            raise Unavailable(f"The object storage broke off: {error}.") from error
        finally:
            found.close()

    def signed_url(self, key: str, seconds: int, *, content_type: str, disposition: str) -> str | None:
        """A presigned GET; nothing is asked."""
        wanted = {
            "Bucket": self._name,
            "Key": key,
            "ResponseContentType": content_type,
            "ResponseContentDisposition": disposition,
        }
        try:
            url: str = self._public.generate_presigned_url("get_object", Params=wanted, ExpiresIn=seconds)
            return url
        except self._errors as error:
            raise Unavailable(f"The object storage cannot sign: {error}.") from error

    def delete(self, key: str) -> None:
        """One DELETE."""
        try:
            self._s3.delete_object(Bucket=self._name, Key=key)
        except self._errors as error:
            raise Unavailable(f"The object storage refused a delete: {error}.") from error


@cache
def store() -> Store:
    """The store that the settings name."""
    if settings().s3_bucket:
        return Bucket(settings().s3_bucket or "", settings().s3_endpoint_url, settings().s3_public_url)
    return Folder(settings().data / "files")
