"""Links are signed by the first key, verified by all, and say when they end."""

import base64
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest

from infra.clock import now
from infra.errors import EncryptionNotConfigured, LinkExpired, LinkInvalid
from infra.settings import settings
from models import StoredFile
from tests.workers.files.conftest import Files
from workers.files import links

OLD, NEW = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


def use_keys(monkeypatch: pytest.MonkeyPatch, *keys: str) -> None:
    monkeypatch.setenv("ENCRYPTION_KEYS", ",".join(keys))
    settings.cache_clear()


def link(seconds: int = 60) -> tuple[UUID, str, str]:
    file = StoredFile(id=uuid4(), filename="a.txt", media_type="text/plain", key="files/a/b")
    url = urlsplit(links.link_of(file, seconds, "http://host/"))
    assert url.path == f"/v1/files/{file.public_id}/signed"
    said = parse_qs(url.query)
    return file.id, said["expires"][0], said["signature"][0]


def test_a_link_of_an_older_key_works_as_long_as_the_key_is_listed(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_keys(monkeypatch, OLD)
    made = link()
    use_keys(monkeypatch, NEW, OLD)
    links.check(*made)
    use_keys(monkeypatch, NEW)
    with pytest.raises(LinkInvalid):
        links.check(*made)


def test_a_link_of_the_past_has_expired_and_a_changed_one_is_none(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_keys(monkeypatch, NEW)
    file_id, expires, signature = link(-1)
    with pytest.raises(LinkExpired):
        links.check(file_id, expires, signature)
    later = str(int((now() + timedelta(days=1)).timestamp()))
    for changed in (
        (file_id, later, signature),
        (uuid4(), expires, signature),
        (file_id, expires, "ä"),
        (file_id, "", ""),
    ):
        with pytest.raises(LinkInvalid):
            links.check(*changed)


def test_without_a_key_there_are_no_links(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    use_keys(monkeypatch)
    with pytest.raises(EncryptionNotConfigured, match="ENCRYPTION_KEYS"):
        link()


@pytest.mark.parametrize(
    ("filename", "shown"),
    [
        ("a b.txt", 'attachment; filename="a b.txt"'),
        ('a".txt', "attachment; filename=\"a_.txt\"; filename*=UTF-8''a%22.txt"),
        ("naïve.pdf", "attachment; filename=\"na_ve.pdf\"; filename*=UTF-8''na%C3%AFve.pdf"),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
    ],
)
def test_a_filename_stands_in_its_header_for_old_and_new_clients(filename: str, shown: str) -> None:
    assert links.disposition(filename) == shown
