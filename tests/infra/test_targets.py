"""Every known form of an address that must not be called, as a URL and as an answer of DNS."""

from ipaddress import ip_address, ip_network

import pytest

from infra.errors import BadInput, TargetRefused
from infra.settings import SettingsError, read, settings
from infra.targets import LONGEST_URL, METADATA, Targets, check_url, kind_of, reached

PORTS = (range(80, 81), range(443, 444), range(8000, 9000))
PUBLIC = Targets((), PORTS)


def rule(*networks: str) -> Targets:
    return Targets(tuple(ip_network(one) for one in networks), PORTS)


REFUSED = {
    "the machine itself": [
        "http://127.0.0.1/", "http://127.0.0.1:8000/", "http://127.255.255.254/", "http://localhost/",
        "http://LOCALHOST/", "http://a.localhost/", "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://0.0.0.0/",
        "http://0.1.2.3/", "http://[::]/",
    ],
    "private networks": [
        "http://10.0.0.1/", "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.1.1/", "http://100.64.0.1/",
        "http://100.127.255.255/", "http://[fc00::1]/", "http://[fdff::1]/", "http://[fec0::1]/", "http://[fe80::1]/",
        "http://169.254.1.1/",
    ],
    "a cloud's metadata": [
        "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://100.100.100.200/",
        "http://169.254.170.2/", "http://168.63.129.16/", "http://192.0.0.192/", "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/", "http://[2002:a9fe:a9fe::]/", "http://[64:ff9b:1::a9fe:a9fe]/",
    ],
    "what is nobody's": [
        "http://224.0.0.1/", "http://239.1.1.1/", "http://[ff02::1]/", "http://[ff0e::1]/", "http://240.0.0.1/",
        "http://255.255.255.255/", "http://192.0.2.1/", "http://198.51.100.7/", "http://203.0.113.9/",
        "http://198.18.0.1/", "http://198.19.255.255/", "http://192.0.0.8/", "http://192.88.99.1/",
        "http://[2001:db8::1]/", "http://[3fff::1]/", "http://[2001:2::1]/", "http://[100::1]/", "http://[4000::1]/",
        "http://[5f00::1]/",
    ],
    "IPv4 inside IPv6": [
        "http://[::ffff:10.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[0:0:0:0:0:ffff:127.0.0.1]/",
        "http://[::127.0.0.1]/", "http://[::a00:1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b::10.0.0.1]/",
        "http://[64:ff9b:1::7f00:1]/", "http://[64:ff9b:1:7f00:0:100::]/", "http://[::8.8.8.8]/",
        "http://[2001:0:808:808::f7f7:f7f7]/", "http://[2002:7f00:1::]/",
        "http://[2002:c0a8:101::1]/", "http://[2001:0:808:808::80ff:fffe]/", "http://[2001:0:7f00:1::]/",
        "http://[2606:4700::5efe:10.0.0.1]/", "http://[2606:4700::200:5efe:127.0.0.1]/", "http://[::ffff:0:127.0.0.1]/",
    ],
    "numbers that a C library reads": [
        "http://2130706433/", "http://0x7f000001/", "http://017700000001/", "http://127.1/", "http://127.0.1/",
        "http://0x7f.0.0.1/", "http://0x7f.1/", "http://0177.0.0.1/", "http://127.0.0.01/", "http://0/", "http://0x/",
        "http://1.2.3.0x4/", "http://256.256.256.256/", "http://1.2.3.4.5/", "http://3232235777/", "http://8.8.8.8./",
    ],
    "other alphabets and encodings": [
        "http://１２７.0.0.1/", "http://127。0。0。1/", "http://①②⑦.⓪.⓪.①/", "http://ⓛocalhost/", "http://１２７.１/",
        "http://%31%32%37.0.0.1/", "http://127.0.0.1%2f@8.8.8.8/", "http://%6c%6f%63alhost/", "http://a%00.com/",
        "http://[::1%25lo]/", "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[::ffff:10.0.0.1%25lo]/",
    ],
    "parsers that disagree": [
        "http://user@example.com/", "http://user:password@example.com/", "http://@127.0.0.1/", "http://@example.com/", "http://:@example.com/",
        "http://example.com@127.0.0.1/", "http://example.com\\@127.0.0.1/", "http:\\\\127.0.0.1/", "http:/127.0.0.1/",
        "http:127.0.0.1", "http:///127.0.0.1/", "//127.0.0.1/", "http://exa\tmple.com/", "http://example.com/\r\nX: y",
        "http://example.com\n/", "http://example.com/\x00", "http://127.0.0.1\x00.example.com/", " http://example.com/",
        "http://1.1.1.1 &@2.2.2.2# @3.3.3.3/", "http://[::1]:80@evil.example/", "http://example.com\u00a0/", "http://",
        "http://[]/", "http://[::1/", "http://.example.com/", "http://a..example.com/", "http://-a.example.com/",
        "http://example.com./", f"http://{'a' * 64}.example.com/", f"http://{'a.' * 127}aa/", "http://\ud800.com/",
        "http://example.com:99999/", "http://example.com:x/", "http://a\u200b.com/", "http://exa mple.com/",
    ],
    "ports in other spellings": [
        "http://example.com:080/", "https://example.com:00443/", f"http://example.com:{'0' * 1900}80/",
        "http://[2606:4700::1111]:080/", "http://example.com:８０/", "http://example.com:+80/", "http://example.com:/",
        "http://example.com:8_0/", "http://8.8.8.8:08000/?a:80", "http://example.com:080#a",
    ],
    "other schemes": [
        "file:///etc/passwd", "file://localhost/etc/passwd", "ftp://example.com/", "gopher://example.com:80/_x",
        "dict://example.com:80/", "ldap://example.com/", "javascript:alert(1)", "data:text/plain,x", "ws://example.com/",
        "unix:///run/docker.sock", "http+unix://%2Frun%2Fdocker.sock/", "example.com", "", "jar:http://example.com!/",
    ],
    "other ports": [
        "http://example.com:22/", "http://example.com:0/", "http://8.8.8.8:6379/", "https://example.com:5432/",
        "http://[2606:4700::1111]:25/", "http://example.com:9000/", "http://example.com:7999/",
    ],
}  # fmt: skip
CALLED = [
    "http://example.com/", "https://example.com", "HTTPS://Example.COM/a?b=c#d", "http://example.com:8080/",
    "http://example.com:8999/x", "http://8.8.8.8/", "http://[2606:4700::1111]/", "http://bücher.example/",
    "http://xn--bcher-kva.example/", "http://my_service/", "http://127.0.0.1.example.com/", "http://1password.com/",
    "http://0x7f.example.com/", "http://[64:ff9b::808:808]/", "http://[::ffff:8.8.8.8]/", "http://172.32.0.1/",
    "http://100.128.0.1/", "http://example.com:80?a:0", "http://[2606:4700::1111]:443/:0",
    "http://example.com/@127.0.0.1/", "http://example.com/a%20b?u=http://10.0.0.1/",
]  # fmt: skip


@pytest.mark.parametrize("url", [url for urls in REFUSED.values() for url in urls])
def test_a_url_that_must_not_be_called_is_refused(url: str) -> None:
    with pytest.raises(TargetRefused) as refused:
        PUBLIC.url(url)
    assert refused.value.detail.endswith(".") and not refused.value.retryable


@pytest.mark.parametrize("url", CALLED)
def test_an_ordinary_url_is_called(url: str) -> None:
    assert PUBLIC.url(url).host


def test_a_password_in_a_url_is_not_repeated() -> None:
    with pytest.raises(TargetRefused) as refused:
        PUBLIC.url("https://user:hunter2@example.com/")
    assert "hunter2" not in refused.value.detail


def test_a_url_has_a_greatest_length() -> None:
    url = "http://example.com/".ljust(LONGEST_URL, "a")
    assert PUBLIC.url(url)
    with pytest.raises(TargetRefused, match=f"longer than {LONGEST_URL} characters"):
        PUBLIC.url(url + "a")


@pytest.mark.parametrize(
    ("address", "kind"),
    [("127.0.0.1", "a loopback"), ("10.1.2.3", "a private"), ("::ffff:10.0.0.1", "a private"),
     ("fe80::1", "a link-local"), ("64:ff9b::7f00:1", "a loopback"), ("224.0.0.1", "a multicast"),
     ("100.64.0.1", "a carrier-grade NAT"), ("fec0::1", "a site-local")],
)  # fmt: skip
def test_an_answer_of_dns_is_refused_by_its_kind_and_not_named(address: str, kind: str) -> None:
    with pytest.raises(TargetRefused) as refused:
        PUBLIC.check("evil.example", address, 80)
    assert refused.value.detail.startswith(f"evil.example resolves to {kind} address")
    assert address not in refused.value.detail


@pytest.mark.parametrize("address", ["fe80::1%eth0", "2606:4700::1111%1", "nonsense", "", "127.1", "0177.0.0.1"])
def test_an_answer_with_a_zone_or_that_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(TargetRefused):
        rule("::/0", "0.0.0.0/0").check("evil.example", address, 80)


def test_a_network_that_is_allowed_is_open_on_any_port_and_no_other_network_is() -> None:
    allowed = rule("10.1.0.0/16", "fd12::/48", "192.168.1.7/32")
    for url in ("http://10.1.2.3:5432/", "http://[fd12::1]:22/", "http://192.168.1.7/", "http://[::ffff:10.1.2.3]:1/"):
        assert allowed.url(url)
    for url in (
        "http://10.2.0.1/",
        "http://192.168.1.8/",
        "http://[fd13::1]/",
        "http://127.0.0.1/",
        "http://8.8.8.8:22/",
    ):
        with pytest.raises(TargetRefused):
            allowed.url(url)


def test_a_name_on_another_port_waits_for_dns_where_something_private_is_allowed() -> None:
    allowed = rule("10.0.0.0/8")
    assert allowed.url("http://inside.example:9999/")
    allowed.check("inside.example", "10.0.0.1", 9999)
    with pytest.raises(TargetRefused, match=r"Port 9999 of inside.example is not among .* \(80, 443, 8000-8999\)"):
        allowed.check("inside.example", "8.8.8.8", 9999)


@pytest.mark.parametrize("address", sorted(map(str, METADATA)))
def test_a_metadata_service_is_only_opened_by_itself(address: str) -> None:
    with pytest.raises(TargetRefused, match="metadata service"):
        rule("0.0.0.0/0", "::/0").check("evil.example", address, 80)
    rule(address).check("evil.example", address, 80)


def test_a_metadata_service_stays_closed_in_every_disguise() -> None:
    for address in (
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "64:ff9b:1:a9fe:a9:fe00::",
        "::169.254.169.254",
        "2001:0:808:808::5601:5601",
        "2606:4700::5efe:169.254.169.254",
    ):
        with pytest.raises(TargetRefused, match="metadata service"):
            rule("0.0.0.0/0", "::/0").check("evil.example", address, 80)


def test_localhost_is_called_where_this_machine_is_allowed() -> None:
    assert rule("127.0.0.0/8").url("http://localhost:9999/")


def test_what_python_calls_global_is_not_enough_and_what_it_does_not_is_refused() -> None:
    for text in ("224.0.0.1", "fec0::1", "ff02::1", "64:ff9b:1::1", "4000::1"):
        assert kind_of(ip_address(text)), text
    for number in range(0, 2**32, 65_537 * 257):
        address = ip_address(number)
        assert kind_of(address) or address.is_global
    assert reached(ip_address("::ffff:1.2.3.4")) == (ip_address("1.2.3.4"),)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch):
    """The process's environment, read anew."""
    monkeypatch.delenv("ALLOW_PRIVATE_TARGETS", raising=False)
    monkeypatch.delenv("ALLOWED_TARGET_PORTS", raising=False)
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()


def test_a_stored_url_is_checked_with_the_settings_and_a_pointer(environment: pytest.MonkeyPatch) -> None:
    check_url("https://example.com/hook")
    with pytest.raises(BadInput) as refused:
        check_url("http://127.0.0.1:9000/", "/callback_url")
    assert (refused.value.code, refused.value.status) == ("target_refused", 422)
    assert refused.value.errors == [{"pointer": "/callback_url", "detail": refused.value.detail}]
    environment.setenv("ALLOW_PRIVATE_TARGETS", "127.0.0.0/8")
    settings.cache_clear()
    check_url("http://127.0.0.1:9000/")


def test_nothing_private_is_allowed_by_default_and_four_ports_are(environment: pytest.MonkeyPatch) -> None:
    assert read().allow_private_targets == ()
    assert [port for one in read().allowed_target_ports for port in one] == [80, 443, 8080, 8443]
    environment.setenv("ALLOW_PRIVATE_TARGETS", " 10.0.0.0/8, ::1 ,192.168.1.7,")
    environment.setenv("ALLOWED_TARGET_PORTS", "443, 8000-8999")
    assert read().allow_private_targets == rule("10.0.0.0/8", "::1/128", "192.168.1.7/32").allowed
    assert read().allowed_target_ports == (range(443, 444), range(8000, 9000))


@pytest.mark.parametrize("bad", ["10.0.0.0/33", "10.0.0.1/8", "localhost", "10.0.0.0/8;::1", "*", "10.*"])
def test_a_wrong_network_stops_the_start_and_is_named(environment: pytest.MonkeyPatch, bad: str) -> None:
    environment.setenv("ALLOW_PRIVATE_TARGETS", f"::1,{bad}")
    with pytest.raises(SettingsError, match="ALLOW_PRIVATE_TARGETS must list networks") as refused:
        read()
    assert bad in str(refused.value)


@pytest.mark.parametrize("bad", ["0", "65536", "9-8", "80-", "-80", "http", "80;443", "٨٠", "1-2-3", "8e1", ","])
def test_a_wrong_port_stops_the_start_and_is_named(environment: pytest.MonkeyPatch, bad: str) -> None:
    environment.setenv("ALLOWED_TARGET_PORTS", bad)
    with pytest.raises(SettingsError, match="ALLOWED_TARGET_PORTS must list"):
        read()
