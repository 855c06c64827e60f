"""Decides what every page for the team may rely on: the request carries a person who is signed in."""

from django.http import HttpRequest

from helpdesk.people.models import User


class TeamRequest(HttpRequest):
    """A request behind the sign-in: `user` is a person, never anonymous. A type; the view's decorator makes it true."""

    user: User
