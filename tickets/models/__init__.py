"""The nouns of the desk."""

from tickets.models.department import ChannelPolicy, Department, Membership, Role
from tickets.models.event import Reaction, TicketEvent
from tickets.models.text import SystemText
from tickets.models.thread import Draft, DraftFile, EntryAttachment, EntryDelivery, MailReference, ThreadEntry
from tickets.models.ticket import Participant, ProtocolCounter, Ticket, TicketRead
from tickets.models.tracking import TrackingToken

__all__ = [
    "ChannelPolicy",
    "Department",
    "Draft",
    "DraftFile",
    "EntryAttachment",
    "EntryDelivery",
    "MailReference",
    "Membership",
    "Participant",
    "ProtocolCounter",
    "Reaction",
    "Role",
    "SystemText",
    "ThreadEntry",
    "Ticket",
    "TicketEvent",
    "TicketRead",
    "TrackingToken",
]
