"""The far ends of the mail roads, started once a session."""

import shutil
import tempfile
from pathlib import Path

import pytest

from channels_inbox.models import Channel
from tests.peers.certificates import new_authority
from tests.peers.dovecot import PASSWORD, running_dovecot
from tests.peers.imap_server import running_imap


@pytest.fixture(scope="session")
def short_home():
    """A folder with a short path that every user may enter."""
    home = Path(tempfile.mkdtemp(prefix="hdp", dir="/tmp"))
    home.chmod(0o755)
    yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def authority(short_home):
    (short_home / "ca").mkdir(exist_ok=True)
    return new_authority(short_home / "ca")


@pytest.fixture(scope="session")
def dovecot(short_home, authority):
    (short_home / "dovecot").mkdir()
    with running_dovecot(short_home / "dovecot", authority) as server:
        yield server


@pytest.fixture
def scripted(authority):
    with running_imap(authority) as server:
        yield server


@pytest.fixture(params=[pytest.param("dovecot", marks=pytest.mark.needs("dovecot")), "scripted"])
def imap(request):
    """Each test of the client runs against Debian's Dovecot and against the scripted server."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def mailbox(desk, settings):
    """Make `email-suporte` a polled mailbox of a server: `mailbox(server, "name", …options)`."""

    def connect(server, name: str, *, password: str = PASSWORD, **options) -> Channel:
        settings.EGRESS_ALLOW = [*settings.EGRESS_ALLOW, f"{server.host}:{server.tls_port}"]
        settings.EXTRA_CA_FILE = server.cafile
        channel = Channel.objects.get(key="email-suporte")
        channel.options = {
            "access": "password",
            "imap_host": server.host,
            "imap_port": server.tls_port,
            "imap_security": "tls",
            "user": name,
            **options,
        }
        channel.seal({"password": password})
        channel.save()
        return channel

    return connect
