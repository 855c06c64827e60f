"""The account pages in a real browser: forms that post, a policy never broken, nothing axe complains of."""

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page

from helpdesk.accounts.invitations import invite
from helpdesk.people.models import User
from tests.helpdesk.accounts.conftest import PASSWORD, last_mail, link_of
from tickets.models import Department

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium")]
TAGS = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}}
NEW = "outra frase bem longa"


DESKTOP, PHONE = (1440, 900, "light"), (390, 844, "dark")


@pytest.fixture
def page(request, chromium, settings, live_server):
    settings.BASE_URL = live_server.url
    width, height, scheme = request.param
    page = chromium.new_page(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        base_url=live_server.url,
        locale="pt-BR",
    )
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if "Policy" in message.text else None
    )
    page.route(
        "**/live/**", lambda route: route.abort()
    )  # an open stream would outlive the test's database
    yield page
    page.close()
    assert complaints == []


def look(page: Page) -> None:
    """No axe violation, and nothing wider than the window."""
    violations = Axe().run(page, options=TAGS).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]][:2]) for each in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url


def send(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        page.fill(f"#id_{name}", value)
    page.click("form:has(.field) button.primary")
    page.wait_for_load_state()


def code_for(page: Page, ahead: int) -> str:
    secret = page.inner_text("code").replace(" ", "")
    return format_hotp_value(hotp_value(secret, list(yield_hotp_counters_from_time())[ahead]))


@pytest.mark.parametrize("page", [DESKTOP], indirect=True, ids=["desktop"])
def test_invited_person_joins_with_second_factor(page, person, settings):
    settings.REQUIRE_SECOND_FACTOR = True
    rows = [("leader", Department.objects.get(key="suporte"))] if person("renata", "admin", None) else []
    invite(User.objects.get(), email="livia@equipe.example", name="Lívia Sampaio", memberships=rows)
    page.goto(link_of(last_mail()))
    look(page)
    send(page, password=PASSWORD)
    assert page.url.endswith(reverse("mfa_activate_totp"))
    look(page)
    send(page, current=PASSWORD, code=code_for(page, 1))
    assert page.url.endswith(reverse("mfa_view_recovery_codes"))
    assert page.locator(".codes li").count() == 10
    look(page)
    with page.expect_download() as download:
        page.click("a[download]")
    assert download.value.suggested_filename == "presteza-codigos.txt"
    page.click("button.primary")
    page.wait_for_load_state()
    assert page.url.endswith(reverse("mfa_index"))
    look(page)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("page", [PHONE], indirect=True, ids=["phone"])
def test_forgotten_password_is_replaced(page, person):
    livia = person("livia")
    page.goto(reverse("account_login"))
    look(page)
    send(page, email=livia.email, password="errada de novo")
    assert page.get_by_role("alert").inner_text().startswith("E-mail ou senha não conferem")
    look(page)
    page.click("text=Esqueci a senha")
    send(page, email=livia.email)
    assert "Confira seu e-mail" in page.get_by_role("status").inner_text()
    look(page)
    path = link_of(last_mail())
    page.goto(path)
    send(page, password="curta")
    look(page)
    send(page, password=NEW)
    assert page.url.endswith(reverse("account_login"))
    assert "Senha salva" in page.get_by_role("status").inner_text()
    send(page, email=livia.email, password=NEW)
    assert page.url.rstrip("/") == page.evaluate("location.origin")
    page.goto(path)
    assert page.get_by_role("heading").inner_text() == "Este link já foi usado ou venceu"
    look(page)


@pytest.mark.parametrize("page", [PHONE], indirect=True, ids=["phone"])
def test_pause_and_code_pages(page, person, with_totp):
    livia = person("livia")
    with_totp(livia)
    page.goto(reverse("account_login"))
    send(page, email=livia.email, password=PASSWORD)
    look(page)
    for n in range(5):
        send(page, code=f"00000{n}")
    assert page.get_by_role("heading").inner_text() == "Pausa de 15 minutos"
    look(page)
