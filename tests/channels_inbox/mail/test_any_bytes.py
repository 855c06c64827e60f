"""`parse_email` never raises, and what it says can always be stored and shown (A18, A22)."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels_inbox.mime import fingerprint, parse_email
from tests.channels_inbox.mail.facts import read_everything
from tests.channels_inbox.mail.samples import NAMES, raw_sample

SAMPLES = [raw_sample(name) for name in NAMES]
PIECES = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\r",
        b"\r\n\r\n",
        b"--B",
        b"--B--",
        b"\0",
        b"=?",
        b"?=",
        b"=?utf-8?q?=0A=E2=80=A8?=",
        b"<",
        b">",
        b'"',
        b"(",
        b",",
        b";",
        b":",
        b"\xff\xfe",
        b"\xc3",
        b"=",
        b"=3D",
        b"==",
        b"Content-Type: multipart/report; boundary=B\n",
        b"Content-Type: text/plain; charset=utf-16\n",
        b"Content-Transfer-Encoding: base64\n",
        b"\xe2\x80\xae",
        b"\xed\xa0\x80",
        b"Content-Disposition: attachment; filename*0*=utf-8''%00%0a..%2f; filename*1=\"/x\"\n",
        b"From: ",
        b"\n ",
        b"&#x110000;",
        b"Content-Type: message/delivery-status\n\n",
        b"Action: failed\n",
        b"Date: Mon, 32 Foo 99999 99:99:99 +9999\n",
    ]
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(st.binary(max_size=2000))
def test_arbitrary_bytes(raw: bytes) -> None:
    read_everything(parse_email(raw))
    assert len(fingerprint(raw)) == 32


@QUICK
@given(st.lists(PIECES | st.binary(max_size=6), max_size=60))
def test_pieces_of_mail_in_any_order(pieces: list[bytes]) -> None:
    read_everything(parse_email(b"".join(pieces)))


@QUICK
@given(st.sampled_from(SAMPLES), st.data())
def test_damaged_mail(raw: bytes, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        gone = data.draw(st.integers(0, 40))
        raw = raw[:at] + data.draw(PIECES | st.binary(max_size=6)) + raw[at + gone :]
    read_everything(parse_email(raw))


@QUICK
@given(st.sampled_from(SAMPLES), st.data())
def test_truncated_mail(raw: bytes, data: st.DataObject) -> None:
    read_everything(parse_email(raw[: data.draw(st.integers(0, len(raw)))]))


@QUICK
@given(st.sampled_from(SAMPLES), st.sampled_from(SAMPLES))
def test_mail_in_the_header_of_another(first: bytes, second: bytes) -> None:
    read_everything(parse_email(first[:200] + second))
