"""Every page and state at 1440 and at 390 pixels, by day and by night: no policy broken, nothing axe complains of."""

import os
from collections.abc import Callable, Iterable

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.urls import reverse
from playwright.sync_api import Page, expect

from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import store
from channels_inbox.models import Channel, InboundMessage, OutboundMessage
from helpdesk.accounts import second_factor
from helpdesk.accounts.invitations import invite
from helpdesk.people.models import User
from tests.browser.states import link_to, make_scene
from tests.browser.watch import Watch
from tests.helpdesk.accounts.conftest import PASSWORD, last_mail, link_of
from tests.mails import mail
from tickets.models import Department, Reaction, Ticket

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.needs("chromium"),
    pytest.mark.timeout(300),
]
ADMIN_LISTS = """people_sitesettings people_user people_invitation people_auditentry tickets_department
    tickets_systemtext tickets_reaction channels_inbox_channel channels_inbox_inboundmessage
    channels_inbox_outboundmessage"""
Act = Callable[[Page], object]
Stop = tuple[str, str | Callable[[], str], Act | None]


@pytest.fixture
def team(person) -> dict[str, User]:
    made = {
        "livia": person("livia"), "caio": person("caio"), "paula": person("paula", "leader"),
        "renata": person("renata", "admin", None),
    }  # fmt: skip
    User.objects.filter(pk=made["livia"].pk).update(undo_seconds=30)
    made["livia"].refresh_from_db()
    return made


@pytest.fixture
def tour(watch: Watch, open_as):
    """Walk stops (name, path, what to do there) as a person, on a desktop by day first and on a phone by night."""

    def run(user: User | None, stops: Iterable[Stop]) -> None:
        for phone in (False, True):
            page = open_as(user, "/conta/entrar/", phone=phone, dark=phone)
            for name, path, act in chosen(list(stops), phone=phone):
                if path:
                    page.goto(path() if callable(path) else path)
                if act is not None:
                    act(page)
                watch.look(page, name)

    return run


def chosen(stops: list[Stop], *, phone: bool) -> list[Stop]:
    """Return the stops of one size: with --full all; else pages in both sizes, and their states in turns.

    A state (its name has a dash) without a path follows the stop before it, and goes with it.
    """
    kept, states, taken = [], 0, True
    for name, path, act in stops:
        if path:
            states += "-" in name
            taken = "-" not in name or states % 2 == phone
        if taken or os.environ.get("HD_FULL"):
            kept.append((name, path, act))
    return kept


def press(name: str) -> Act:
    return lambda page: page.get_by_role("button", name=name).first.click()


def submit(**fields: str) -> Act:
    def act(page: Page) -> None:
        for name, value in fields.items():
            page.fill(f"#id_{name}", value)
        page.click("form:has(.field) button.primary")
        page.wait_for_load_state()

    return act


# --- the desk -------------------------------------------------------------------------------------------------


def show_panel(page: Page) -> None:
    if page.viewport_size["width"] < 760:
        page.get_by_role("button", name="Painel do cliente").click()


def unfold(page: Page) -> None:
    """Open everything that opens."""
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")


def ask_outcome(page: Page) -> None:
    page.locator("header .top [data-resolve]").click()
    expect(page.locator("#resolve")).to_be_visible()


def open_menu(menu: str) -> Act:
    """Press what opens the menu; on a phone some of them have no button, and nothing opens."""

    def act(page: Page) -> None:
        opener = page.locator(f"[popovertarget={menu}]:visible").first
        if opener.count():
            opener.click()
            expect(page.locator(f"#{menu}")).to_be_visible()
            expect(page.locator(f"#{menu} [role=status]")).to_have_count(0)

    return act


def show_keys(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()


def write_note(page: Page) -> None:
    page.get_by_role("tab", name="Nota interna").click()
    page.locator("[data-composer] textarea").fill("só para a **equipe**")


def test_desk(tour, team, arrive, travel, settings):
    scene = make_scene(arrive, travel, team["livia"], team["caio"], settings)
    rich = f"/chamados/{scene.rich.pk}/"
    letter = OutboundMessage.objects.filter(purpose="reply", provider_id="local-mailbox").order_by("-id")[0]
    entry = scene.rich.entries.filter(kind="customer").order_by("id")[0]
    tour(team["livia"], [
        ("list", "/", None),
        ("list-filter", "", open_menu("list-filter")),
        ("list-empty", "/?view=mine&status=scheduled", None),
        ("list-closed", "/?view=done", None),
        ("ticket", rich, None),
        ("ticket-unfolded", "", unfold),
        ("ticket-status-menu", "", open_menu("status-menu")),
        ("ticket-people-menu", rich, open_menu("assignee-menu")),
        ("ticket-trio", rich, press("Editar agora, próximo passo e quando")),
        ("ticket-note", rich, write_note),
        ("ticket-resolve", rich, ask_outcome),
        ("ticket-keys", rich, show_keys),
        ("ticket-customer", rich, show_panel),
        ("ticket-held", f"/chamados/{scene.held.pk}/", None),
        ("ticket-follow-up", f"/chamados/{scene.follow_up.pk}/", None),
        ("ticket-resolved", f"/chamados/{scene.resolved.pk}/", None),
        ("ticket-closed", f"/chamados/{scene.closed.pk}/", None),
        ("new", "/novo/", None),
        ("profile", "/perfil/", None),
        ("original", f"/mensagens/{entry.pk}/original/", None),
        ("mailbox", "/correio/", None),
        ("mailbox-message", f"/correio/{letter.pk}/", None),
        ("mailbox-write", "/correio/escrever/", None),
    ])  # fmt: skip


def test_desk_of_an_empty_installation(tour, team):
    tour(team["livia"], [("desk-empty", "/", None), ("mailbox-empty", "/correio/", None)])


# --- the customer ---------------------------------------------------------------------------------------------


def test_customer(watch, tour, team, arrive, travel, settings):
    scene = make_scene(arrive, travel, team["livia"], team["caio"], settings)
    gone = link_to(scene.held) if scene.held.entries.filter(kind="auto").exists() else "/t/" + "a" * 43
    track, solved, shut = (link_to(each) for each in (scene.rich, scene.resolved, scene.closed))
    filled = {
        "subject": "Etiqueta cortada",
        "text": "Sai cortada.",
        "name": "Marina",
        "email": "marina@trigal.example",
    }

    def fill(page: Page) -> None:
        for name, value in filled.items():
            page.fill(f"#{name}", value)
        page.wait_for_timeout(2100)  # a form sent faster than a person types is a robot's
        page.get_by_role("button", name="Abrir chamado").click()
        page.wait_for_url("**/recebido/**")

    with watch.expecting(404, 422):
        tour(None, [
            ("track", track, unfold),
            ("track-sent", "", lambda page: (page.fill("#responder-text", "Segue."), press("Enviar")(page))),
            ("track-empty-answer", track, press("Enviar")),
            ("track-resolved", solved, None),
            ("track-reopen", "", press("Reabrir chamado")),
            ("track-closed", shut, None),
            ("track-expired", gone, None),
            ("track-renew", "/acompanhar/", None),
            ("track-renew-asked", "/acompanhar/?pedido=1", None),
            ("help", "/ajuda/", None),
            ("help-refused", "/ajuda/", lambda page: page.evaluate("document.querySelector('main form').submit()")),
            ("help-received", "/ajuda/", fill),
        ])  # fmt: skip
    assert Ticket.objects.filter(subject="Etiqueta cortada").exists()


# --- accounts -------------------------------------------------------------------------------------------------


def test_accounts(watch, tour, team):
    rows = [("agent", Department.objects.get(key="suporte"))]
    invite(team["renata"], email="nova@equipe.example", name="Nova Pessoa", memberships=rows)
    invitation = link_of(last_mail())
    with watch.expecting(404, 410):
        tour(None, [
            ("login", "/conta/entrar/", None),
            ("login-failed", "", submit(email="livia@equipe.example", password="errada de novo")),
            ("invitation", invitation, None),
            ("invitation-weak", "", submit(password="curta")),
            ("reset", "/conta/senha/", None),
            ("reset-sent", "", submit(email="paula@equipe.example")),
            ("reset-link", lambda: link_of(last_mail()), None),
            ("reset-dead", "/conta/senha/" + "a" * 43 + "/", None),
        ])  # fmt: skip


def test_own_access(watch, tour, open_as, team):
    livia = team["livia"]
    tour(livia, [
        ("access", "/conta/", None),
        ("password-change", "/conta/senha/trocar/", None),
        ("factor-on", "/conta/dois-fatores/", None),
    ])  # fmt: skip
    secret = second_factor.generate_totp_secret()
    step = next(iter(yield_hotp_counters_from_time()))
    assert second_factor.activate(livia, secret, format_hotp_value(hotp_value(secret, step)))
    tour(livia, [
        ("access-with-factor", "/conta/", None),
        ("factor-codes", "/conta/dois-fatores/reserva/nova/", None),
        ("factor-off", "/conta/dois-fatores/desligar/", None),
    ])  # fmt: skip
    tour(None, [
        ("factor-code", "/conta/entrar/", submit(email=livia.email, password=PASSWORD)),
        ("factor-wrong", "", submit(code="000000")),
        ("factor-reserve", "?reserva", None),
    ])  # fmt: skip


# --- the set-up room ------------------------------------------------------------------------------------------


def test_setup_room(tour, team, arrive):
    arrive()
    store(Channel.objects.get(key="email-suporte"), [mail_envelope(mail(subject="quebrado"))])
    InboundMessage.objects.filter(state="new").update(state="dead", last_error="ParseError: partes demais")
    OutboundMessage.objects.update(state="uncertain", last_error="a conexão caiu")
    Reaction.objects.update(state="dead", last_error="falhou seis vezes")
    invite(team["renata"], email="nova@equipe.example", name="Nova Pessoa")
    lists = ADMIN_LISTS.split()
    forms: list[Stop] = [(f"admin-{name}", reverse(f"admin:{name}_changelist"), None) for name in lists]
    for name, model in (
        ("channels_inbox_channel", Channel),
        ("channels_inbox_inboundmessage", InboundMessage),
    ):
        row = model.objects.order_by("-id")[0]
        forms.append((f"admin-{name}-form", reverse(f"admin:{name}_change", args=[row.pk]), None))
    tour(team["renata"], [("admin", "/admin/", None), *forms])


# --- what went wrong --------------------------------------------------------------------------------------------


def knock(page: Page) -> None:
    """Guess links until the desk asks for a pause (A13)."""
    for number in range(22):
        page.request.get(f"/t/{number:043d}")
    page.goto("/t/" + "b" * 43)


def test_errors(watch, tour, team):
    forget = "document.querySelector('[name=csrfmiddlewaretoken]').value = 'x'; document.querySelector('form').submit()"
    with watch.expecting(400, 403, 404, 429, 500):
        tour(None, [
            ("error-404", "/nada-aqui/", None),
            ("error-403", "/proibido/", None),
            ("error-500", "/quebra/", None),
            ("error-csrf", "/conta/entrar/", lambda page: (page.evaluate(forget), page.wait_for_load_state())),
            ("error-429", "", knock),
        ])  # fmt: skip
        tour(team["livia"], [("error-404-signed-in", "/chamados/999999/", None)])
