"""A06, A25: nothing leads to an inside address, and no certificate is taken on trust."""

import os
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator

import httpx
import pytest
from aiosmtpd.controller import Controller
from django.test import override_settings

from helpdesk.lib import egress
from helpdesk.lib.egress import EgressRefused, ResponseTooLarge, http_client, smtp_connection
from tests.helpdesk.lib.servers import Served, canary, certificate, http_server

TARGET_NAMES = """
    127.0.0.1 127.0.0.2 127.255.255.254 127.1 127.0.1 2130706433 0x7f000001 0x7f.0.0.1 0177.0.0.1 017700000001
    0x7f.1 127.0.0.1. localhost localhost. LOCALHOST 0.0.0.0 0 0x0 ::1 [::1] 0:0:0:0:0:0:0:1 ::
    ::ffff:127.0.0.1 ::ffff:7f00:1 [::ffff:127.0.0.1] ::127.0.0.1 64:ff9b::7f00:1 64:ff9b::127.0.0.1
    64:ff9b:1::1 2002:7f00:1:: 2001:0:7f00:1::1 ::ffff:0:7f00:1 fe80::1 fe80::1%lo fc00::1 fd00:ec2::254
    fec0::1 ff02::1 2001:db8::1 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 169.254.169.254
    169.254.170.2 0251.0376.0251.0376 2852039166 0xa9fea9fe 100.64.0.1 100.127.255.255 100.100.100.200
    192.0.0.192 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 192.88.99.1 224.0.0.1 239.255.255.255 240.0.0.1
    255.255.255.255 ①②⑦.⓪.⓪.① １２７。０。０。１
"""
TARGETS = [*TARGET_NAMES.split(), "127.0.0.1\x00.example", "127.0.0.1 .example", "", "a" * 300]
SAMPLE = TARGETS if os.environ.get("HD_FULL") == "1" else TARGETS[::6]
UNVERIFIED = (ssl.SSLCertVerificationError, httpx.ConnectError)
PUBLIC = "93.184.215.14"


@pytest.fixture(scope="module")
def trap() -> Iterator[Served]:
    with canary() as served:
        yield served
    assert served.hits == []


@pytest.fixture(scope="module")
def web() -> Iterator[Served]:
    with http_server() as served:
        yield served


def test_table_of_targets_is_large():
    assert len(TARGETS) >= 60
    assert len(SAMPLE) >= 12


@pytest.mark.parametrize("target", TARGETS)
def test_target_is_refused_by_the_guard(target, trap):
    with pytest.raises(EgressRefused):
        egress.resolve_checked(target, trap.port, allow=[])
    with pytest.raises(EgressRefused):
        egress.connect(target, trap.port, 1, allow=[])


@pytest.mark.parametrize("target", SAMPLE)
def test_target_is_refused_by_every_client(target, trap):
    host = f"[{target}]" if ":" in target and not target.startswith("[") else target
    with http_client(allow=[], timeout=2) as client:
        for scheme in ("http", "https"):
            with pytest.raises((EgressRefused, httpx.InvalidURL)):
                client.get(f"{scheme}://{host}:{trap.port}/")
    for security in ("none", "starttls", "tls"):
        with pytest.raises(EgressRefused):
            smtp_connection(target, trap.port, security=security, allow=[], timeout=2)
        with pytest.raises(EgressRefused):
            egress.GuardedMailBox(target, trap.port, security=security, allow=[], timeout=2)
    for client_class in (egress.GuardedIMAP4, egress.GuardedIMAP4_SSL):
        with pytest.raises(EgressRefused):
            client_class(target, trap.port, 2, allow=[])


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"],
        [PUBLIC, "10.0.0.1"],
        ["2606:2800:21f::1", "::1"],
        ["169.254.169.254"],
        ["::ffff:10.0.0.1"],
    ],
)
def test_a_name_with_any_inside_address_is_refused(answer, trap):
    with pytest.raises(EgressRefused):
        egress.connect("rebind.example", trap.port, 1, allow=[], resolver=lambda *_: answer)


def test_a_name_made_to_keep_the_check_busy_is_refused():  # A22
    with pytest.raises(EgressRefused):
        egress.resolve_checked("a" * 200 + "!", 443, allow=[], resolver=lambda *_: [PUBLIC])


def test_public_addresses_pass_the_check():
    for text in (PUBLIC, "2606:2800:21f::1", "8.8.8.8"):
        assert egress.resolve_checked("x.example", 443, allow=[], resolver=lambda *_, a=text: [a])[1] == text
    assert egress.resolve_checked(PUBLIC, 443, allow=[]) == (socket.AF_INET, PUBLIC)


@pytest.mark.parametrize("client", ["http", "smtp", "imap", "socket"])
def test_an_answer_that_changes_between_check_and_use_has_no_effect(client, trap):
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["240.0.0.1" if len(asked) > 1 else "127.0.0.1"]  # both refused, told apart by the message

    with pytest.raises(EgressRefused, match=r"127\.0\.0\.1"):
        open_with(client, "rebind.example", trap.port, allow=[], resolver=rebinding)
    assert asked == ["rebind.example"]


def test_a_name_is_resolved_once_and_the_checked_address_is_used(web):
    answers = [["127.0.0.1"], ["240.0.0.1"]]
    seen: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        seen.append(host)
        return answers[len(seen) - 1]

    with http_client(allow=[f"rebind.example:{web.port}"], resolver=rebinding) as client:
        assert client.get(f"http://rebind.example:{web.port}/once").text == "ok"
    assert seen == ["rebind.example"]


def open_with(client: str, host: str, port: int, **options: object) -> None:
    if client == "http":
        http_client(**options).get(f"http://{host}:{port}/")
    elif client == "smtp":
        smtp_connection(host, port, security="none", **options)
    elif client == "imap":
        egress.GuardedIMAP4(host, port, **options)
    else:
        egress.connect(host, port, 1, **options)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://x.example/", "ftp://x.example/", "http:///x", "x"]
)
def test_only_http_schemes(url):
    with http_client(allow=[]) as client, pytest.raises((EgressRefused, httpx.UnsupportedProtocol)):
        client.get(url)


@pytest.mark.parametrize("port", [22, 25, 5432, 6379])
def test_ports_of_other_services_are_refused_for_http_even_when_allowed(port):
    with (
        http_client(allow=[f"127.0.0.1:{port}"]) as client,
        pytest.raises(EgressRefused, match="no port for HTTP"),
    ):
        client.get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("port", [0, -1, 65_536, True, "80", None])
def test_odd_ports_are_refused(port):
    with pytest.raises(EgressRefused):
        egress.connect(PUBLIC, port, 1, allow=[])


def test_redirects_are_not_followed(web):
    with http_client(allow=[f"127.0.0.1:{web.port}"]) as client:
        assert client.get(f"http://127.0.0.1:{web.port}/redirect").status_code == 302
    assert "/target" not in web.hits


def test_a_redirect_somebody_follows_meets_the_guard_again(web, trap):
    hosts = {"a.example": ["127.0.0.1"], "b.example": ["10.0.0.1"]}
    with http_client(allow=[f"a.example:{web.port}"], resolver=lambda host, _: hosts[host]) as client:
        assert client.get(f"http://a.example:{web.port}/").text == "ok"
        with pytest.raises(EgressRefused):
            client.get(f"http://b.example:{web.port}/")


@pytest.mark.parametrize(
    "option", ["verify", "transport", "proxy", "mounts", "follow_redirects", "trust_env"]
)
def test_no_option_leads_around_the_guard(option):
    with pytest.raises(TypeError, match=option):
        http_client(**{option: None})


def test_proxy_variables_are_ignored(web, trap, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{trap.port}")
    with http_client(allow=[f"127.0.0.1:{web.port}"]) as client:
        assert client.get(f"http://127.0.0.1:{web.port}/").text == "ok"


def test_exceptions_come_from_the_setting_by_host_and_port(web):
    with override_settings(EGRESS_ALLOW=[f"127.0.0.1:{web.port}"]), http_client() as client:
        assert client.get(f"http://127.0.0.1:{web.port}/").text == "ok"
        with pytest.raises(EgressRefused):
            client.get(f"http://localhost:{web.port}/")
    with override_settings(EGRESS_ALLOW=[]), http_client() as client, pytest.raises(EgressRefused):
        client.get(f"http://127.0.0.1:{web.port}/")


def test_answers_are_bounded(web):
    address = f"http://127.0.0.1:{web.port}"
    with http_client(allow=[f"127.0.0.1:{web.port}"], max_bytes=1_000_000) as client:
        with pytest.raises(ResponseTooLarge):
            client.get(f"{address}/big")
        with pytest.raises(ResponseTooLarge):
            client.get(f"{address}/packed")
        with client.stream("GET", f"{address}/big") as response, pytest.raises(ResponseTooLarge):
            egress.read_capped(response, 1000)
        with client.stream("GET", f"{address}/") as response:
            assert egress.read_capped(response, 2) == b"ok"
    with http_client(allow=[f"127.0.0.1:{web.port}"], max_bytes=1) as client, pytest.raises(ResponseTooLarge):
        client.get(f"{address}/")


# --- TLS (A25): self-signed, wrong name, expired ------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expired", "trusted", "accepted"),
    [
        ("localhost", False, True, True),
        ("localhost", False, False, False),
        ("other.example", False, True, False),
        ("localhost", True, True, False),
    ],
)
@pytest.mark.parametrize("client", ["https", "smtps", "smtp-starttls", "imaps", "imap-starttls"])
def test_certificates_are_verified(client, name, expired, trusted, accepted, tmp_path):
    context, cafile = certificate(tmp_path, name=name, expired=expired)
    with TlsServer(client, context) as port:
        options = {
            "allow": [f"localhost:{port}"],
            "cafile": cafile if trusted else None,
            "resolver": lambda *_: ["127.0.0.1"],
            "timeout": 5,
        }
        if accepted:
            assert greet(client, port, options) == "ok"
        else:
            with pytest.raises(
                (ssl.SSLCertVerificationError, httpx.ConnectError), match="CERTIFICATE_VERIFY_FAILED"
            ):
                greet(client, port, options)


def greet(client: str, port: int, options: dict) -> str:
    if client == "https":
        with http_client(**options) as web_client:
            return web_client.get(f"https://localhost:{port}/").text
    if client.startswith("imap"):
        mailbox = egress.GuardedMailBox(
            "localhost", port, security="tls" if client == "imaps" else "starttls", **options
        )
        assert isinstance(mailbox.client.sock, ssl.SSLSocket)
        return "ok" if mailbox.client.noop()[0] == "OK" else "no"
    security = "tls" if client == "smtps" else "starttls"
    with smtp_connection("localhost", port, security=security, **options) as smtp:
        assert isinstance(smtp.sock, ssl.SSLSocket)
        return "ok" if smtp.noop()[0] == 250 else "no"


class TlsServer:
    """The server a client of this kind talks to, on 127.0.0.1."""

    def __init__(self, client: str, context: ssl.SSLContext) -> None:
        self.client, self.context = client, context

    def __enter__(self) -> int:
        if self.client == "https":
            self.web = http_server(self.context)
            return self.web.__enter__().port
        if self.client.startswith("imap"):
            self.listener = socket.create_server(("127.0.0.1", 0))
            threading.Thread(target=self._greet_imap, daemon=True).start()
            return self.listener.getsockname()[1]
        tls = {"ssl_context": self.context} if self.client == "smtps" else {"tls_context": self.context}
        self.smtp = Controller(Sink(), hostname="127.0.0.1", port=free_port(), **tls)
        if self.client == "smtps":
            self.smtp._trigger_server = self._probe_smtps  # its own probe knows nothing of our certificate
        self.smtp.start()
        return self.smtp.port

    def _probe_smtps(self) -> None:
        blind = ssl._create_unverified_context()
        plain = socket.create_connection(("127.0.0.1", self.smtp.port), 5)
        with blind.wrap_socket(plain) as probe:
            probe.recv(100)

    def _greet_imap(self) -> None:
        connection, _ = self.listener.accept()
        try:
            if self.client == "imaps":
                connection = self.context.wrap_socket(connection, server_side=True)
            connection.sendall(b"* OK ready\r\n")
            while line := connection.recv(100):
                tag, command = line.split()[:2]
                connection.sendall(b"* CAPABILITY IMAP4rev1 STARTTLS\r\n" + tag + b" OK done\r\n")
                if command == b"STARTTLS":
                    connection = self.context.wrap_socket(connection, server_side=True)
        except OSError:  # the client did not like the certificate: that is what is tested
            return
        finally:
            connection.close()

    def __exit__(self, *_: object) -> None:
        if self.client == "https":
            self.web.__exit__(None, None, None)
        elif self.client.startswith("imap"):
            self.listener.close()
        else:
            self.smtp.stop()


class Sink:
    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server, session, envelope) -> str:
        self.mails.append(envelope.content)
        return "250 OK"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_smtp_delivers_to_an_allowed_server_and_never_falls_back_to_clear_text():
    sink = Sink()
    server = Controller(sink, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        allow = [f"127.0.0.1:{server.port}"]
        with smtp_connection("127.0.0.1", server.port, security="none", allow=allow) as smtp:
            smtp.sendmail("a@desk.example", ["b@customer.example"], "Subject: oi\r\n\r\noi")
        with pytest.raises(smtplib.SMTPNotSupportedError):
            smtp_connection("127.0.0.1", server.port, security="starttls", allow=allow)
    finally:
        server.stop()
    assert sink.mails == [b"Subject: oi\r\n\r\noi\r\n"]


def test_unknown_name_is_an_error_of_the_network_not_a_refusal():
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(socket.gaierror):
        egress.connect("nowhere.example", 443, 1, allow=[], resolver=unknown)
    with http_client(allow=[], resolver=unknown) as client, pytest.raises(httpx.ConnectError):
        client.get("https://nowhere.example/")
