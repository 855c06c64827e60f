"""The set-up room in a real browser: no policy violation, no stranger's script, nothing axe complains of (A02)."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings as site_conf
from django.urls import reverse
from playwright.sync_api import Page

from channels_inbox.adapters.email import mail_envelope
from channels_inbox.inbox import store
from channels_inbox.models import Channel, InboundMessage, OutboundMessage
from helpdesk.accounts.invitations import invite
from helpdesk.people.models import SiteSettings
from helpdesk.people.site import site_settings
from tests.mails import mail
from tests.tickets.admin.conftest import enter
from tickets.models import Department, Reaction, SystemText

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs("chromium")]
TAGS = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}}
XSS = '"><img src=x onerror=alert(1)><svg onload=alert(2)>{{7*7}}'
WATCH = "window.broken=[];document.addEventListener('securitypolicyviolation',e=>broken.push(e.violatedDirective))"


@pytest.fixture(params=[(1440, 900, "light"), (390, 844, "dark")], ids=["desktop", "phone"])
def page(request, chromium, settings, live_server, boss):
    settings.BASE_URL = live_server.url
    width, height, scheme = request.param
    session = enter(boss).cookies[site_conf.SESSION_COOKIE_NAME].value
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        base_url=live_server.url,
        locale="pt-BR",
    )
    context.add_cookies(
        [{"name": site_conf.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
    )
    context.add_init_script(WATCH)
    page = context.new_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    yield page
    context.close()
    assert dialogs == []


@pytest.fixture
def hostile(arrive, boss):
    """Rows whose every word came from a stranger or a careless colleague (A02)."""
    arrive()
    site_settings()
    SiteSettings.objects.update(name=XSS, dpo_contact=XSS, outgoing_paused=True)
    Department.objects.filter(key="suporte").update(name=XSS, name_en=XSS, handles=XSS)
    SystemText.objects.filter(key="rodape_email").update(text="<img src=x onerror=alert(3)>")
    Channel.objects.filter(key="email-suporte").update(
        name=XSS, address=XSS, last_error=XSS, failing_since="2026-11-12T09:00Z"
    )
    invite(boss, email="nova@equipe.example", name=XSS)
    type(boss).objects.filter(pk=boss.pk).update(name=XSS)
    store(Channel.objects.get(key="email-suporte"), [mail_envelope(mail(subject=XSS))])
    InboundMessage.objects.filter(state="new").update(state="dead", last_error=XSS)
    OutboundMessage.objects.update(state="uncertain", subject=XSS, recipient=XSS, last_error=XSS)
    Reaction.objects.update(state="dead", last_error=XSS)


def look(page: Page, url: str) -> None:
    answer = page.goto(url)
    assert answer is not None
    assert answer.status == 200, url
    violations = Axe().run(page, options=TAGS).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]][:2]) for each in violations] == [], url
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), url
    assert page.evaluate("broken") == [], url
    assert page.locator("[onerror],[onload],[style],img").count() == 0, url


def test_every_page_stands_in_the_browser(page, hostile):
    look(page, reverse("admin:index"))
    for name in (
        "people_sitesettings", "tickets_department", "people_user", "people_invitation", "channels_inbox_channel",
        "tickets_systemtext", "channels_inbox_inboundmessage", "channels_inbox_replay",
        "channels_inbox_providersecret", "people_backup",
        "channels_inbox_outboundmessage", "tickets_reaction", "people_auditentry",
    ):  # fmt: skip
        look(page, reverse(f"admin:{name}_changelist"))
        link = page.locator("tbody a").first
        if link.count():
            look(page, link.get_attribute("href"))
    for name in (
        "people_user_invite",
        "tickets_department_add",
        "channels_inbox_channel_add",
        "channels_inbox_providersecret_add",
        "people_backup_settings",
        "tickets_systemtext_add",
    ):
        look(page, reverse(f"admin:{name}"))


def test_the_preview_comes_without_reload(page, desk):
    text = SystemText.objects.get(key="auto_padrao", language="pt-br")
    page.goto(reverse("admin:tickets_systemtext_change", args=[text.pk]))
    page.fill("#id_text", "Oi, {{contact.first_name}}.")
    page.click("text=Mostrar o que está digitado")
    page.wait_for_selector("#text-preview:has-text('Oi, Marina.')")
    page.fill("#id_text", "Oi, {{nome}}.")
    page.click("text=Mostrar o que está digitado")
    page.wait_for_selector("#text-preview .error")
    page.click("text=Salvar")
    page.wait_for_selector("[role=alert]")
    assert page.evaluate("broken") == []
    text.refresh_from_db()
    assert "Oi" not in text.text


def test_the_copy_is_declared_in_use_by_one_button(page, desk):
    site_settings()
    SiteSettings.objects.update(outgoing_paused=True)
    page.goto(reverse("admin:index"))
    page.click("text=Esta é a instalação em uso")
    page.wait_for_selector(".banner.ok")
    assert not SiteSettings.objects.get().outgoing_paused
