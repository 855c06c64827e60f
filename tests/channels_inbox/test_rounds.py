"""Which arrivals go together: nothing that shares a person or an id, nothing out of order, nothing too large."""

import pytest

from channels_inbox import rounds
from channels_inbox.adapters.base import DeliveryReceipt, ParsedMessage, Person
from channels_inbox.models import InboundMessage
from channels_inbox.rounds import Read, arrange, portions


def said(number: int, sender: str | None, **facts) -> Read:
    copied = tuple(Person(each) for each in facts.pop("cc", ()))
    kind = facts.pop("kind", "message")
    person = Person(sender) if sender else None
    return Read(InboundMessage(pk=number), ParsedMessage(kind=kind, sender=person, copied=copied, **facts))


def numbers(*messages: Read) -> list[list[int]]:
    return [[message.row.pk for message in group] for group in arrange(messages)]


def test_strangers_go_together():
    assert numbers(*(said(n, f"c{n}@x.example", message_id=f"m{n}@x.example") for n in range(5))) == [
        [0, 1, 2, 3, 4]
    ]


def test_one_persons_messages_follow_each_other_while_others_go_ahead():
    messages = [
        said(1, "ana@x.example"),
        said(2, "Ana@X.example "),
        said(3, "bia@x.example"),
        said(4, "ana@x.example"),
    ]
    assert numbers(*messages) == [[1, 3], [2], [4]]


def test_whoever_is_in_copy_is_waited_for():
    messages = [
        said(1, "ana@x.example", cc=["bia@x.example"]),
        said(2, "bia@x.example"),
        said(3, "caio@x.example"),
    ]
    assert numbers(*messages) == [[1, 3], [2]]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"message_id": "raiz@x.example"}, {"references": ("raiz@x.example",)}),  # an answer after its root
        ({"references": ("raiz@x.example",)}, {"message_id": "raiz@x.example"}),  # and before it
        ({"references": ("raiz@x.example",)}, {"references": ("outra@x.example", "raiz@x.example")}),
        ({"message_id": "raiz@x.example"}, {"message_id": "raiz@x.example"}),  # one mail to two mailboxes
    ],
)
def test_messages_that_name_the_same_id_never_go_together(first, second):
    assert numbers(said(1, "ana@x.example", **first), said(2, "bia@x.example", **second)) == [[1], [2]]


def test_nobody_is_one_person():
    assert numbers(said(1, None), said(2, None)) == [[1], [2]]


def test_what_is_no_plain_message_stands_alone_and_is_not_overtaken():
    receipt = Read(InboundMessage(pk=3), DeliveryReceipt("m@x.example", "read"))
    messages = [
        said(1, "ana@x.example"),
        said(2, "d@x.example", kind="bounce"),
        receipt,
        said(4, "bia@x.example"),
    ]
    assert numbers(*messages) == [[1], [2], [3], [4]]


def test_every_message_once_and_dependent_ones_in_order():
    messages = [said(n, f"c{n % 7}@x.example", cc=[f"c{n * 3 % 7}@x.example"]) for n in range(60)]
    groups = numbers(*messages)
    flat = [number for group in groups for number in group]
    assert sorted(flat) == list(range(60))
    for person in range(7):
        touching = [n for n in flat if person in (n % 7, n * 3 % 7)]
        assert touching == sorted(touching)


def test_large_messages_are_held_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(rounds, "MAX_BYTES", 10)
    sizes = [4, 4, 4, 25, 1, 9, 9]
    messages = [Read(InboundMessage(size=size), ParsedMessage(kind="message", sender=None)) for size in sizes]
    assert [[each.row.size for each in portion] for portion in portions(messages)] == [
        [4, 4],
        [4],
        [25],
        [1, 9],
        [9],
    ]
    assert list(portions([])) == []
