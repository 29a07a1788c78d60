"""What is said of servers that cannot be called: closed, broken, not HTTP, not to be believed."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from infra.errors import AnswerInvalid, TargetRefused, TargetTimeout, TargetUnreachable
from infra.http import GuardedClient
from tests.fakes.target import (
    Names,
    Request,
    Talk,
    Target,
    against,
    always,
    answer,
    dripping,
    got,
)

SOON = 0.3


def test_a_closed_port_is_unreachable() -> None:
    async def use(client: GuardedClient, _: Target) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            port = bound.getsockname()[1]
            for host in ("127.0.0.1", "two.example"):
                with pytest.raises(TargetUnreachable, match=rf"{host}:{port} refuses connections") as found:
                    await client.request("GET", f"http://{host}:{port}/")
                assert host == "127.0.0.1" or "127" not in found.value.detail

    against(always(answer()), use, resolver=Names(two=[["127.0.0.1"]]))


@pytest.mark.parametrize(
    "talk",
    [
        always(b"220 mail.example ESMTP\r\n"),
        always(b"HTTP/1.1 banana\r\n\r\n"),
        always(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"),
        always(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        always(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 100_000 + b"\r\n\r\n"),
        always(b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: a\r\n" % number for number in range(5000)) + b"\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\n", b"x: aaaaaaaa\r\n" * 500),
        dripping(b"HTTP/1.1 200 ", b"O" * 5000),
        always(answer(b"not gzip at all", content_encoding="gzip")),
        always(answer(b"\xff\xff", content_encoding="deflate")),
    ],
    ids=["mail", "status", "negative", "two lengths", "long header", "many headers", "endless headers", "endless line",
         "not gzip", "not deflate"],
)  # fmt: skip
def test_an_answer_that_is_not_http_is_said_to_be_so(talk: Talk) -> None:
    with pytest.raises(AnswerInvalid) as found:
        got(talk, seconds=10)
    assert "is not" in found.value.detail and not found.value.retryable


def breaking(beginning: bytes) -> Talk:
    async def talk(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        writer.close()

    return talk


@pytest.mark.parametrize(
    "beginning",
    [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
     b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab"],
    ids=["nothing", "status", "body", "chunk"],
)  # fmt: skip
def test_an_answer_that_breaks_off_may_be_tried_again(beginning: bytes) -> None:
    with pytest.raises(TargetUnreachable, match="closed the connection before its answer was complete") as found:
        got(breaking(beginning), "POST")
    assert found.value.retryable


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that vouches for itself, for `tls.example` and 127.0.0.1, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tls.example")])
    names = x509.SubjectAlternativeName([x509.DNSName("tls.example"), x509.IPAddress(ip_address("127.0.0.1"))])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    written = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(written + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(scope="module")
def tls(certificate: Path) -> ssl.SSLContext:
    """What a server needs of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_certificate_that_vouches_for_itself_is_not_believed(tls: ssl.SSLContext) -> None:
    async def use(client: GuardedClient, target: Target) -> None:
        with pytest.raises(TargetUnreachable, match=r"The certificate of 127.0.0.1:\d+ is not valid: self.signed"):
            await client.request("GET", target.url(scheme="https"))

    assert not against(always(answer()), use, tls=tls).requests


def test_a_certificate_that_is_known_is_believed_for_its_own_names_only(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def use(client: GuardedClient, target: Target) -> None:
        for host in ("tls.example", "127.0.0.1"):
            assert (await client.request("GET", target.url(host=host, scheme="https"))).status == 200
        with pytest.raises(TargetUnreachable, match=r"The certificate of other.example:\d+ is not valid: Hostname"):
            await client.request("GET", target.url(host="other.example", scheme="https"))

    against(always(answer()), use, tls=tls, resolver=Names(tls=[["127.0.0.1"]], other=[["127.0.0.1"]]))


def test_https_is_not_followed_to_http(tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    async def use(client: GuardedClient, target: Target) -> None:
        with pytest.raises(TargetRefused, match="redirects from https to http"):
            await client.request("GET", target.url(scheme="https"), redirects=1)

    assert len(against(always(answer(status="302 Moved", location="http://127.0.0.1/")), use, tls=tls).requests) == 1


def test_a_port_that_does_not_speak_tls_is_unreachable() -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(status="400 Bad Request"))
        writer.close()

    async def use(client: GuardedClient, _: Target) -> None:
        async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(TargetUnreachable, match=rf"127.0.0.1:{port} and Switchyard do not agree on TLS"):
                await client.request("GET", f"https://127.0.0.1:{port}/")

    against(always(answer()), use)


def test_a_handshake_that_never_comes_ends_with_the_time() -> None:
    async def use(client: GuardedClient, _: Target) -> None:
        with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(TargetTimeout):
            await client.request("GET", f"https://127.0.0.1:{deaf.getsockname()[1]}/", seconds=SOON)

    against(always(answer()), use)
