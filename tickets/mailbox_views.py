"""Decides how the local mailbox page answers; where mail really leaves, the page does not exist."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from channels_inbox.models import Channel
from helpdesk.lib.html import text_to_html
from helpdesk.people.audit import record
from helpdesk.people.contacts import canonical_email
from tickets import local_mailbox
from tickets.uploads import FilesField, read_files
from tickets.views.access import DeskRequest, desk_view, show
from tickets.views.queue import shell

PAGE = 50


class AnswerForm(forms.Form):
    """What the customer of a mail answers."""

    text = forms.CharField(label=gettext_lazy("Message"), max_length=20_000)
    files = FilesField()  # type: ignore[assignment]  # the declared field leaves the class; FILES stays


class WriteForm(AnswerForm):
    """A first mail of any invented person."""

    sender = forms.EmailField(label=gettext_lazy("Customer's e-mail"), max_length=254)
    name = forms.CharField(label=gettext_lazy("Customer's name"), max_length=80, required=False)
    channel = forms.ModelChoiceField(Channel.objects.none(), label=gettext_lazy("To"), empty_label=None)
    subject = forms.CharField(label=gettext_lazy("Subject"), max_length=200)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mailboxes = Channel.objects.filter(kind="email", enabled=True).order_by("id")
        self.fields["channel"].queryset = mailboxes  # type: ignore[attr-defined]  # a ModelChoiceField

    def clean_sender(self) -> str:
        return canonical_email(self.cleaned_data["sender"])


def mailbox_view(*methods: str) -> Callable[..., Any]:
    """Mark a page of the local mailbox: signed-in people, and only where mail stays here."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def run(request: DeskRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not local_mailbox.is_open():
                raise Http404
            return view(request, *args, **kwargs)

        return desk_view(*methods)(run)

    return decorate


@mailbox_view()
def mailbox(request: DeskRequest) -> HttpResponse:
    """The mails that landed here, newest first."""
    before = request.GET.get("antes", "")
    rows = local_mailbox.mails_for(request.user)
    if before.isascii() and before.isdigit() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows.defer("payload")[: PAGE + 1])
    more = found[PAGE - 1].pk if len(found) > PAGE else 0
    return show(request, "tickets/mailbox.html", {**shell(request), "mails": found[:PAGE], "more": more})


@mailbox_view("GET", "HEAD", "POST")
def mailbox_message(request: DeskRequest, pk: int) -> HttpResponse:
    """One mail as its recipient reads it; a POST answers it as that person."""
    rows = local_mailbox.mails_for(request.user)
    letter = local_mailbox.open_mail(get_object_or_404(rows, pk=pk))
    form = AnswerForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and letter.answerable and form.is_valid():
        subject = letter.mail.subject
        local_mailbox.write(
            sender=letter.row.recipient,
            name=letter.recipient_name,
            to=letter.answer_to,
            subject=subject if subject.lower().startswith("re:") else f"Re: {subject}",
            text=form.cleaned_data["text"],
            files=read_files(form.cleaned_data["files"]),
            answers=letter,
        )
        return _written(request, letter.row.recipient)
    body = mark_safe(text_to_html(letter.mail.text))  # noqa: S308 escaped
    values = {**shell(request), "letter": letter, "body": body, "form": form}
    return show(request, "tickets/mailbox_message.html", values, status=422 if form.errors else 200)


@mailbox_view("GET", "HEAD", "POST")
def mailbox_write(request: DeskRequest) -> HttpResponse:
    """Write as a customer to one of the departments."""
    form = WriteForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        local_mailbox.write(
            sender=values["sender"],
            name=values["name"],
            to=values["channel"].address,
            subject=values["subject"],
            text=values["text"],
            files=read_files(values["files"]),
        )
        return _written(request, values["sender"])
    return show(
        request,
        "tickets/mailbox_write.html",
        {**shell(request), "form": form},
        status=422 if form.errors else 200,
    )


def _written(request: DeskRequest, sender: str) -> HttpResponse:
    """Say that it is on its way; the trail keeps who played the customer."""
    record("local_mail_written", request=request, subject=sender)
    messages.success(request, _("Mail of %(sender)s delivered") % {"sender": sender})
    return redirect("tickets:mailbox")
