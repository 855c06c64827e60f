"""Decides which fields each account page takes, by name, and nothing else (A09)."""

import re
from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.utils.translation import gettext_lazy as _

from helpdesk.people.models import User

BIG = {"class": "input lg"}
PASSWORD_HINT = _("12 letters or more. A sentence will do.")
_DIGITS = re.compile(r"[0-9]{6}|[0-9]{8}")


def _password(autocomplete: str) -> forms.PasswordInput:
    return forms.PasswordInput(attrs={**BIG, "autocomplete": autocomplete})


class EmailForm(forms.Form):
    """A mail address of the team, in comparable form."""

    email = forms.EmailField(
        label=_("E-mail"), max_length=254, widget=forms.EmailInput(attrs={**BIG, "autocomplete": "username"})
    )

    def clean_email(self) -> str:
        return self.cleaned_data["email"].strip().lower()


class LoginForm(EmailForm):
    """Mail, password, and whether the session outlives the browser."""

    password = forms.CharField(
        label=_("Password"), strip=False, max_length=256, widget=_password("current-password")
    )
    stay = forms.BooleanField(label=_("Stay signed in on this computer"), required=False)


class NewPasswordForm(forms.Form):
    """A new password, judged by Django's validators; `user` may be one that is not saved yet."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=256,
        widget=_password("new-password"),
        help_text=PASSWORD_HINT,
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password = self.cleaned_data["password"]
        password_validation.validate_password(password, self.user)
        return password


class InvitationForm(NewPasswordForm):
    """What the invited person says: the name and a password; mail and rights come from the invitation."""

    name = forms.CharField(
        label=_("Name"), max_length=120, widget=forms.TextInput(attrs={**BIG, "autocomplete": "name"})
    )
    field_order = ("name", "password")

    def clean_name(self) -> str:
        name = " ".join(self.cleaned_data["name"].split())
        self.user.name = name
        return name


class CurrentPasswordForm(forms.Form):
    """The password asked again before something sensitive (ASVS 7.5.1)."""

    current = forms.CharField(
        label=_("Current password"), strip=False, max_length=256, widget=_password("current-password")
    )


class ChangePasswordForm(CurrentPasswordForm, NewPasswordForm):
    """The old password and the new one."""

    field_order = ("current", "password")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].label = _("New password")


class CodeForm(forms.Form):
    """Six digits of the app or eight of a recovery code; spaces and dashes do not matter."""

    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        widget=forms.TextInput(
            attrs={"class": "input lg code", "inputmode": "numeric", "autocomplete": "one-time-code"}
        ),
    )

    def clean_code(self) -> str:
        code = re.sub(r"[\s-]", "", self.cleaned_data["code"])
        if not _DIGITS.fullmatch(code):
            raise forms.ValidationError(_("A code has 6 numbers, a recovery code has 8. Example: 482 913"))
        return code


class ActivateForm(CodeForm, CurrentPasswordForm):
    """Turns the second factor on: who knows the password and holds the device."""

    field_order = ("current", "code")
