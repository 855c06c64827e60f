"""Decides how people of the team are invited, placed and switched off; never a password or a flag (A09, R-401)."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.postgres.expressions import ArraySubquery
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import JSONObject
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from helpdesk.accounts.invitations import invite, reinvite
from helpdesk.accounts.second_factor import take_off
from helpdesk.people.models import Invitation, User
from helpdesk.templatetags.design import moment
from tickets.admin.base import ChoiceFilter, PlainFields, ReadOnlyAdmin, RightsAdmin, badge
from tickets.memberships import Row, set_memberships, switch_off, switch_on
from tickets.models import Department, Membership, Role
from tickets.models.department import WITHOUT_DEPARTMENT

MOST_ROWS = 30


class PlaceForm(forms.Form):
    """One membership of an invitation."""

    role = forms.ChoiceField(label=_("role"), required=False, choices=[("", "—"), *Role.choices])
    department = forms.ModelChoiceField(
        label=_("department"),
        required=False,
        queryset=Department.objects.all(),
        empty_label=_("all departments"),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("role") and data.get("department") is None and data["role"] not in WITHOUT_DEPARTMENT:
            self.add_error("department", _("This role needs a department."))
        return data


PlaceFormSet = forms.formset_factory(PlaceForm, extra=3, max_num=3, absolute_max=MOST_ROWS)


class InviteForm(forms.Form):
    name = forms.CharField(label=_("name"), max_length=120)
    email = forms.EmailField(label=_("e-mail"))


class MembershipRows(BaseInlineFormSet):
    """Reads the rows; `set_memberships` writes them."""

    def rows(self) -> list[Row]:
        filled = [each for each in self.cleaned_data if each.get("role") and not each.get("DELETE")]
        return [(each["role"], each.get("department")) for each in filled]


class MembershipInline(PlainFields, admin.TabularInline):
    model = Membership
    formset = MembershipRows
    fields = ("role", "department")
    template = "admin/edit_inline/rows.html"
    extra = 2
    max_num = MOST_ROWS
    verbose_name_plural = _("roles")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["empty_label"] = _("all departments")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def _may(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.admin_site._registry[User].has_change_permission(request))

    has_view_permission = has_add_permission = has_change_permission = has_delete_permission = _may


class ActiveFilter(ChoiceFilter):
    title = _("state")
    parameter_name = "state"
    default = "active"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("active", _("in use")), ("off", _("switched off")), ("all", _("all"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        chosen = self.value()
        return queryset if chosen == "all" else queryset.filter(is_active=chosen == "active")


@admin.register(User)
class UserAdmin(RightsAdmin):
    right = "user_write"
    group = "people"
    icon = "users"
    summary = _("Who works here, with which roles, and who signs in with a second factor.")
    addable = False
    verbs = ("switch_off", "switch_on", "take_off_factor")
    change_list_template = "admin/people/user/change_list.html"
    list_display = ("name", "email", "roles", "second_factor", "last_seen", "state")
    list_filter = (ActiveFilter,)
    search_fields = ("name", "email")
    ordering = ("name", "id")
    fields = ("name", "email", "language", "second_factor", "last_seen", "state")
    readonly_fields = ("email", "second_factor", "last_seen", "state")
    inlines = (MembershipInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        factor = Authenticator.objects.filter(user=OuterRef("pk"), type=Authenticator.Type.TOTP)
        people = super().get_queryset(request).annotate(has_factor=Exists(factor))
        return people.prefetch_related("memberships__department")

    @admin.display(description=_("roles"))
    def roles(self, user: User) -> str:
        return ", ".join(str(each) for each in user.memberships.all()) or "—"

    @admin.display(description=_("second factor"))
    def second_factor(self, user: User) -> SafeString:
        return badge("ok", gettext("yes")) if user.has_factor else badge("neutral", gettext("no"))  # type: ignore[attr-defined]  # annotated by get_queryset

    @admin.display(description=_("last login"), ordering="last_login")
    def last_seen(self, user: User) -> str:
        return moment(user.last_login) or gettext("never")

    @admin.display(description=_("state"))
    def state(self, user: User) -> SafeString:
        return badge("ok", gettext("in use")) if user.is_active else badge("neutral", gettext("switched off"))

    def buttons(self, request: HttpRequest, obj: User) -> list[dict[str, Any]]:
        if obj.is_active:
            lost = self.button("take_off_factor", obj, _("Take off the second factor"), "key-round")
            off = self.button("switch_off", obj, _("Switch off"), "ban", "danger")
            return [lost, off] if obj.has_factor else [off]  # type: ignore[attr-defined]  # annotated by get_queryset
        return [self.button("switch_on", obj, _("Switch on"), "check")]

    def do_switch_off(self, request: HttpRequest, user: User) -> None:
        if _tried(request, lambda: switch_off(request.user, user)):  # type: ignore[arg-type]  # admin_view lets in the team only
            messages.success(request, _("%(name)s no longer enters.") % {"name": user})

    def do_take_off_factor(self, request: HttpRequest, user: User) -> None:
        """For somebody who lost phone and recovery codes; the next login asks for a new set-up (R-426)."""
        take_off(request.user, user)  # type: ignore[arg-type]  # admin_view lets in the team only
        messages.success(request, _("%(name)s signs in without the second factor once.") % {"name": user})

    def do_switch_on(self, request: HttpRequest, user: User) -> None:
        if _tried(request, lambda: switch_on(request.user, user)):  # type: ignore[arg-type]  # admin_view lets in the team only
            messages.success(request, _("%(name)s may enter again.") % {"name": user})

    def changeform_view(self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(request, object_id, *args, **kwargs)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return redirect(self.url_of("change", object_id))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Memberships have one writer, which ends sessions and gives tickets back."""
        formset.new_objects = formset.changed_objects = formset.deleted_objects = []
        set_memberships(request.user, form.instance, formset.rows())  # type: ignore[arg-type]  # admin_view lets in the team only

    def get_urls(self) -> list[URLPattern]:
        page = path("invite/", self.admin_site.admin_view(self.invite_view), name=self.url_name("invite"))
        return [page, *super().get_urls()]

    def invite_view(self, request: HttpRequest) -> HttpResponse:
        """Name, address and roles; the mail with the link leaves when the form is right."""
        if not self.allowed(request):
            raise PermissionDenied(self.right)
        form, places = InviteForm(request.POST or None), PlaceFormSet(request.POST or None, prefix="places")
        if (
            request.method == "POST"
            and form.is_valid()
            and places.is_valid()
            and _invite(request, form, places)
        ):
            messages.success(request, _("The invitation to %(email)s is on its way.") % form.cleaned_data)
            return redirect("admin:people_invitation_changelist")
        context = {**self.admin_site.each_context(request), "title": _("Invite a person")}
        return render(request, "admin/people/invite.html", {**context, "form": form, "places": places})


def _invite(request: HttpRequest, form: forms.Form, places: Any) -> bool:
    rows = [(each["role"], each.get("department")) for each in places.cleaned_data if each.get("role")]
    try:
        invite(request.user, **form.cleaned_data, memberships=rows)  # type: ignore[arg-type]  # admin_view lets in the team only
    except ValidationError as error:
        form.add_error(None, error)
    return not form.errors


def _tried(request: HttpRequest, action: Callable[[], object]) -> bool:
    try:
        action()
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return False
    return True


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Invitations nobody has accepted yet."""

    right = "user_write"
    group = "people"
    icon = "mail-check"
    summary = _("Sent and not accepted yet; send again or withdraw.")
    verbs = ("reinvite", "withdraw")
    change_list_template = "admin/people/user/change_list.html"
    list_display = ("email", "name", "roles", "sender", "sent", "until")
    fields = ("email", "name", "roles", "sender", "sent", "until")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        names = Department.objects.values(fact=JSONObject(id="id", name="name", name_en="name_en"))
        invitations = super().get_queryset(request).filter(accepted_at=None).select_related("invited_by")
        return invitations.annotate(departments=ArraySubquery(names))  # all of them, in the same statement

    @admin.display(description=_("roles"))
    def roles(self, invitation: Any) -> str:
        names = {facts["id"]: Department(**facts).label for facts in invitation.departments}
        labels = dict(Role.choices)
        return ", ".join(
            f"{labels.get(role, role)} · {names.get(place, gettext('all departments'))}"
            for role, place in invitation.memberships
        )

    @admin.display(description=_("invited by"))
    def sender(self, invitation: Invitation) -> str:
        return str(invitation.invited_by)

    @admin.display(description=_("sent"))
    def sent(self, invitation: Invitation) -> str:
        return moment(invitation.created_at)

    @admin.display(description=_("valid until"))
    def until(self, invitation: Invitation) -> str:
        return moment(invitation.expires_at)

    def buttons(self, request: HttpRequest, obj: Invitation) -> list[dict[str, Any]]:
        return [
            self.button("reinvite", obj, _("Send again"), "send", "primary"),
            self.button("withdraw", obj, _("Withdraw"), "x", "danger"),
        ]

    def do_reinvite(self, request: HttpRequest, invitation: Invitation) -> None:
        if _tried(request, lambda: reinvite(request.user, invitation)):  # type: ignore[arg-type]  # admin_view lets in the team only
            messages.success(
                request, _("The invitation to %(email)s is on its way.") % {"email": invitation.email}
            )

    def do_withdraw(self, request: HttpRequest, invitation: Invitation) -> HttpResponse:
        self.audit(request, "withdrawn", invitation)
        invitation.delete()
        messages.success(request, _("The invitation is withdrawn; its link is dead."))
        return redirect(self.url_of("changelist"))
