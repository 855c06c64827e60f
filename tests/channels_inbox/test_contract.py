"""A channel file that does not keep the contract stops the start with a sentence; a good one needs nothing else."""

from typing import ClassVar

import pytest
from django.core import checks

from channels_inbox.adapters import adapter_classes, adapter_for
from channels_inbox.adapters.base import Adapter, DeliveryReceipt, Envelope, Field, ParsedMessage, Person
from channels_inbox.checks import check_adapters, problems_of
from channels_inbox.inbox import process_due
from channels_inbox.models import Channel, InboundMessage
from channels_inbox.signatures import check_webhook
from tests.channels_inbox.signing import signed
from tickets.models import ThreadEntry


class Good(Adapter):
    """A whole channel: JSON by signed webhook, the example of the README."""

    kind = "caderno"
    label = "Caderno"
    fields: ClassVar[tuple[Field, ...]] = (Field("webhook_secrets", "secrets", secret=True),)

    def receive(self, request):
        check_webhook(request, secrets=self.channel.credentials.get("webhook_secrets", []))
        return [Envelope(request.headers["X-Id"].encode(), request.headers["X-Id"], request.body)]

    def parse(self, payload: bytes) -> ParsedMessage | DeliveryReceipt:
        return ParsedMessage(kind="message", sender=Person("marina@trigal.example"), text=payload.decode())

    def send(self, outbound) -> str:
        return "1"


class NoLabel(Good):
    label = ""


class NoParse(Adapter):
    kind = "x"
    label = "X"

    def send(self, outbound) -> str:
        return ""


class NoSend(Adapter):
    kind = "x"
    label = "X"

    def parse(self, payload: bytes) -> ParsedMessage:
        raise NotImplementedError


class WordsForFields(Good):
    fields = ("password",)


class TwoFieldsOfOneName(Good):
    fields = (Field("a", "A"), Field("a", "B"))


class ListOfCapabilities(Good):
    capabilities = ["subject"]


def test_shipped_adapters_keep_the_contract():
    assert check_adapters(None) == []
    assert {"email", "portal"} <= set(adapter_classes())
    assert problems_of("caderno", Good) == []


@pytest.mark.parametrize(
    ("adapter", "words"),
    [
        (NoLabel, "label"),
        (NoParse, "parse()"),
        (NoSend, "send()"),
        (WordsForFields, "Field"),
        (TwoFieldsOfOneName, "share a name"),
        (ListOfCapabilities, "frozenset"),
    ],
)
def test_a_broken_class_is_reported(monkeypatch, adapter, words):
    monkeypatch.setitem(adapter_classes(), "broken", adapter)
    problems = checks.run_checks(tags=["channels"])
    assert [problem.id for problem in problems] == ["channels_inbox.E001"]
    assert words in problems[0].msg
    assert problems[0].is_serious()


@pytest.mark.django_db
def test_one_class_is_a_whole_channel(desk, client, monkeypatch):
    monkeypatch.setitem(adapter_classes(), "caderno", Good)
    channel = Channel.objects.create(key="caderno", kind="caderno", name="Caderno")
    channel.seal({"webhook_secrets": ["segredo"]})
    channel.save()
    for _ in range(2):
        answer = client.post(
            "/canais/webhook/caderno",
            b"bom dia",
            content_type="text/plain",
            headers={"X-Id": "e1", "X-Signature-256": signed(b"bom dia", "segredo")},
        )
        assert answer.status_code == 200
    assert InboundMessage.objects.count() == 1
    process_due()
    assert ThreadEntry.objects.get().text == "bom dia"
    assert adapter_for(channel).polls() is False
