"""Decides what the desk accepts from a browser: every field named, every choice from a list."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from channels_inbox.models import MessageAttachment
from helpdesk.people.models import LANGUAGES, User
from tickets.models import Department
from tickets.models.ticket import Outcome, Status
from tickets.queues import VIEWS, Selection
from tickets.uploads import MAX_DRAFT_FILES, FilesField, KeptField, check_number, check_weight, find_kept

MAX_TEXT = 100_000


class ListForm(forms.Form):
    """What a list is asked for. A value nobody offers counts as not given."""

    view = forms.ChoiceField(choices=[(key, title) for key, (title, _icon) in VIEWS.items()], required=False)
    department = forms.IntegerField(required=False, min_value=1, max_value=2**62)
    status = forms.ChoiceField(choices=Status.choices, required=False)

    def selection(self) -> Selection:
        """Return the selection, defaults where the query says nothing or nonsense."""
        self.is_valid()
        clean = self.cleaned_data
        return Selection(clean.get("view") or "queues", clean.get("department"), clean.get("status") or "")


class DraftForm(forms.Form):
    """What the composer saves while somebody writes."""

    kind = forms.ChoiceField(choices=[("reply", ""), ("note", "")])
    text = forms.CharField(required=False, strip=False, max_length=MAX_TEXT)
    to_all = forms.BooleanField(required=False)
    base = forms.IntegerField(min_value=0, max_value=2**62)
    key = forms.RegexField(r"\A[0-9a-f]{32}\Z", required=False)


class SendForm(DraftForm):
    """What the composer sends. `anyway`: the person saw what arrived meanwhile and wants it sent all the same."""

    key = forms.RegexField(r"\A[0-9a-f]{32}\Z")
    then = forms.ChoiceField(
        choices=[("", ""), (Status.WAITING_CUSTOMER, ""), (Status.RESOLVED, "")], required=False
    )
    outcome = forms.ChoiceField(choices=Outcome.choices, required=False)
    anyway = forms.BooleanField(required=False)


class UploadForm(forms.Form):
    """One file for the draft; the size is checked against `MAX_ATTACHMENT_BYTES` by the view."""

    kind = forms.ChoiceField(choices=[("reply", ""), ("note", "")], required=False)


class PresenceForm(forms.Form):
    """What a browser says of its person on a ticket."""

    state = forms.ChoiceField(choices=[("viewing", ""), ("writing", ""), ("gone", "")])


class NothingForm(forms.Form):
    """An action that needs no value."""


class StatusForm(forms.Form):
    to = forms.ChoiceField(choices=Status.choices)
    outcome = forms.ChoiceField(choices=Outcome.choices, required=False)


class AssignForm(forms.Form):
    """To whom: the id of a colleague, `me`, or nobody."""

    to = forms.RegexField(r"\A(me|\d{1,18})?\Z", required=False)


class DepartmentForm(forms.Form):
    to = forms.ModelChoiceField(Department.objects.filter(active=True))


class TrioForm(forms.Form):
    """Now, next step, when; the moment is typed in the company's zone, which is the active one."""

    now = forms.CharField(label=_("Now"), max_length=300, required=False)
    next_step = forms.CharField(label=_("Next step"), max_length=300, required=False)
    when = forms.DateTimeField(
        label=_("When"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(
            attrs={"type": "datetime-local", "class": "input"}, format="%Y-%m-%dT%H:%M"
        ),
    )


class FollowUpForm(forms.Form):
    decision = forms.ChoiceField(choices=[("join", ""), ("apart", ""), ("undo", "")])


class DeliveryForm(forms.Form):
    """What a person decides about a message nobody can be sure of, or that failed."""

    decision = forms.ChoiceField(choices=[("arrived", ""), ("again", "")])


class IdentifyForm(forms.Form):
    """Who the customer is (R-003, R-007): name, company, or that it is no customer."""

    name = forms.CharField(label=_("Name"), max_length=200, required=False)
    organization = forms.CharField(label=_("Company"), max_length=200, required=False)
    not_a_customer = forms.BooleanField(label=_("Not a customer"), required=False)

    @staticmethod
    def of(ticket: Any) -> dict[str, Any]:
        """Return the initial values: what is known of the contact."""
        contact = ticket.contact
        organization = contact.organization.name if contact.organization_id else ""
        return {"name": contact.name, "organization": organization, "not_a_customer": contact.not_a_customer}


class NewTicketForm(forms.Form):
    """A ticket made by hand. Only the request is asked for: nobody is refused for missing data (R-003)."""

    name = forms.CharField(label=_("Name"), max_length=200, required=False)
    email = forms.EmailField(label=_("E-mail"), max_length=254, required=False)
    department = forms.ModelChoiceField(Department.objects.none(), label=_("Department"))
    subject = forms.CharField(label=_("Subject"), max_length=255, required=False)
    message = forms.CharField(label=_("Message"), max_length=MAX_TEXT, widget=forms.Textarea)
    how = forms.ChoiceField(
        label=_("How"),
        choices=[
            ("mail", _("Send to the customer by e-mail")),
            ("note", _("Only register, as an internal note")),
        ],
        initial="mail",
    )
    stopped = forms.BooleanField(label=_("The operation stopped"), required=False)
    files = FilesField(most=MAX_DRAFT_FILES)  # type: ignore[assignment]  # the declared field leaves the class; FILES stays
    kept = KeptField()
    key = forms.RegexField(r"\A[0-9a-f]{32}\Z", widget=forms.HiddenInput)

    def __init__(self, *args: Any, departments: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["department"].queryset = departments  # type: ignore[attr-defined]  # a ModelChoiceField

    def clean_kept(self) -> list[MessageAttachment]:
        return find_kept(self.user, self.cleaned_data["kept"])

    def clean(self) -> dict[str, Any]:
        clean = super().clean() or {}
        if clean.get("how") == "mail" and not clean.get("email") and "email" not in self.errors:
            self.add_error(
                "email", _("To send a message, say to which address. Or choose to only register it.")
            )
        kept, sent = clean.get("kept") or [], clean.get("files") or []
        try:
            check_number(len(kept) + len(sent), most=MAX_DRAFT_FILES)
            check_weight(sum(each.size or 0 for each in [*kept, *sent]))
        except forms.ValidationError as error:
            self.add_error("files", error)
        return clean


class ProfileForm(forms.ModelForm):
    """What a person decides about the own desk."""

    class Meta:
        model = User
        fields = ["name", "language", "undo_seconds", "shortcut_keys"]


class LanguageForm(forms.Form):
    language = forms.ChoiceField(choices=LANGUAGES)
