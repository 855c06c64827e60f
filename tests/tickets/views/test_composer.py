"""Writing: drafts of one's own, files bound to them, one send for one message, and taking it back."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from channels_inbox.models import OutboundMessage
from channels_inbox.outbox import deliver_due
from tickets import conversation
from tickets.models import Draft, DraftFile, ThreadEntry, Ticket

pytestmark = pytest.mark.django_db

KEY = "a" * 32


@pytest.fixture
def url(ticket):
    return f"/chamados/{ticket.pk}"


def message(ticket, **changes):
    ticket.refresh_from_db()
    values = {
        "kind": "reply",
        "text": "Segue a **correção**.",
        "to_all": "on",
        "base": ticket.last_entry_id,
        "key": KEY,
    }
    return {**values, **changes}


def upload(desk, url, name="tela.txt", content=b"conteudo"):
    return desk.post(f"{url}/arquivos/", {"file": SimpleUploadedFile(name, content, "text/plain")})


def test_reply_leaves_once_however_often_it_is_sent(ticket, desk_of, url):
    values = message(ticket, then="waiting_customer")
    first, again = (desk_of.post(f"{url}/enviar/", values) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert ThreadEntry.objects.filter(kind="reply").count() == 1
    assert OutboundMessage.objects.filter(purpose="reply").count() == 1
    assert Ticket.objects.get().status == "waiting_customer"
    assert "Resposta enviada" in first["HX-Trigger"].encode().decode("unicode_escape")
    assert "<strong>correção</strong>" in first.content.decode()


def test_author_is_the_session_whatever_is_posted(ticket, desk_of, url, livia, person):
    # A09, A27
    caio = person("caio")
    assert desk_of.post(f"{url}/enviar/", message(ticket, author=caio.pk)).status_code == 400
    assert not ThreadEntry.objects.filter(kind="reply").exists()
    desk_of.post(f"{url}/enviar/", message(ticket))
    assert ThreadEntry.objects.get(kind="reply").author == livia


def test_note_stays_inside(ticket, desk_of, url):
    answer = desk_of.post(f"{url}/enviar/", message(ticket, kind="note", text="só nós", then=""))
    assert answer.status_code == 200
    assert ThreadEntry.objects.get(kind="note").text == "só nós"
    assert not OutboundMessage.objects.filter(purpose="reply").exists()


def test_send_and_resolve_names_an_outcome(ticket, desk_of, url):
    desk_of.post(f"{url}/enviar/", message(ticket, then="resolved", outcome="informacao"))
    found = Ticket.objects.get()
    assert (found.status, found.outcome) == ("resolved", "informacao")


def test_empty_message_is_refused_and_nothing_changes(ticket, desk_of, url):
    answer = desk_of.post(f"{url}/enviar/", message(ticket, text="  "))
    assert answer.status_code == 422
    assert "HX-Trigger" in answer
    assert not ThreadEntry.objects.filter(kind="reply").exists()


def test_draft_outlives_logout_and_is_read_by_its_author_only(ticket, desk_of, url, browser, livia, person):
    # A27
    saved = desk_of.post(
        f"{url}/rascunho/", {"kind": "reply", "text": "Marina, vou ver", "base": 1, "key": KEY}
    )
    assert saved.status_code == 204
    desk_of.logout()
    assert "Marina, vou ver" in browser(livia).get(f"{url}/").content.decode()
    assert "Marina, vou ver" not in browser(person("caio")).get(f"{url}/").content.decode()


def test_draft_keeps_the_entry_its_author_had_read_and_empties_away(ticket, desk_of, url):
    desk_of.post(f"{url}/rascunho/", {"kind": "reply", "text": "a", "base": 7, "key": KEY})
    desk_of.post(f"{url}/rascunho/", {"kind": "note", "text": "ab", "base": 7, "key": KEY})
    draft = Draft.objects.get()
    assert (draft.base_entry_id, draft.kind, draft.text) == (7, "note", "ab")
    desk_of.post(f"{url}/rascunho/", {"kind": "note", "text": "", "base": 7, "key": KEY})
    assert not Draft.objects.exists()


def test_draft_is_gone_with_the_send_and_a_late_save_does_not_bring_it_back(ticket, desk_of, url):
    desk_of.post(f"{url}/rascunho/", {"kind": "reply", "text": "quase", "base": 1, "key": KEY})
    desk_of.post(f"{url}/enviar/", message(ticket))
    assert not Draft.objects.exists()
    desk_of.post(f"{url}/rascunho/", {"kind": "reply", "text": "quase", "base": 1, "key": KEY})
    assert not Draft.objects.exists()


def test_files_of_the_draft_go_with_the_reply(ticket, desk_of, url):
    chip = upload(desk_of, url)
    assert "tela.txt" in chip.content.decode()
    desk_of.post(f"{url}/enviar/", message(ticket))
    entry = ThreadEntry.objects.get(kind="reply")
    assert [each.file.name for each in entry.attachments.all()] == ["tela.txt"]
    assert not DraftFile.objects.exists()
    assert b"tela.txt" in bytes(OutboundMessage.objects.get(purpose="reply").payload)


def test_files_belong_to_their_uploader(ticket, desk_of, url, browser, person):
    # A27
    upload(desk_of, url)
    kept = DraftFile.objects.get()
    other = browser(person("caio"))
    assert other.post(f"{url}/arquivos/{kept.pk}/remover/").status_code == 404
    other.post(f"{url}/enviar/", message(ticket, text="de outro"))
    assert not ThreadEntry.objects.get(kind="reply").attachments.exists()
    assert desk_of.post(f"{url}/arquivos/{kept.pk}/remover/").content == b""
    assert not DraftFile.objects.exists()


def test_oversized_and_missing_files_are_refused(ticket, desk_of, url, settings):
    settings.MAX_ATTACHMENT_BYTES = 10
    assert upload(desk_of, url, content=b"x" * 11).status_code == 413
    assert desk_of.post(f"{url}/arquivos/").status_code == 422
    assert not DraftFile.objects.exists()


def test_files_have_a_limit_together(ticket, desk_of, url, settings):
    # the file that is too much is refused, the others and the text stay
    settings.MAX_FILES_BYTES = 15
    desk_of.post(f"{url}/rascunho/", {"kind": "reply", "text": "segue", "base": 1, "key": KEY})
    assert upload(desk_of, url, content=b"x" * 10).status_code == 200
    answer = upload(desk_of, url, name="outra.txt", content=b"y" * 6)
    assert answer.status_code == 413
    assert "Juntos" in answer["HX-Trigger"].encode().decode("unicode_escape")
    assert DraftFile.objects.get().file.name == "tela.txt"
    assert Draft.objects.get().text == "segue"


def test_reply_too_heavy_is_not_sent_and_stays_a_draft(ticket, desk_of, url, settings):
    # two uploads side by side may each have been let in
    upload(desk_of, url, content=b"x" * 10)
    upload(desk_of, url, name="outra.txt", content=b"y" * 6)
    desk_of.post(f"{url}/rascunho/", {"kind": "reply", "text": "segue", "base": 1, "key": KEY})
    settings.MAX_FILES_BYTES = 15
    assert desk_of.post(f"{url}/enviar/", message(ticket)).status_code == 422
    assert not ThreadEntry.objects.filter(kind="reply").exists()
    assert (Draft.objects.get().text, DraftFile.objects.count()) == ("segue", 2)


def test_reply_comes_back_with_text_files_and_status_while_it_waits(ticket, desk_of, url):
    #
    before = Ticket.objects.get().status
    upload(desk_of, url)
    desk_of.post(f"{url}/enviar/", message(ticket, then="waiting_customer"))
    entry = ThreadEntry.objects.get(kind="reply")
    answer = desk_of.post(f"{url}/respostas/{entry.pk}/desfazer/")
    assert answer.status_code == 200
    assert Draft.objects.get().text == "Segue a **correção**."
    assert DraftFile.objects.get().file.name == "tela.txt"
    assert Ticket.objects.get().status == before
    assert OutboundMessage.objects.get(purpose="reply").state == "cancelled"
    page = answer.content.decode()
    assert "Segue a **correção**." in page
    assert f'id="thread-entry-{entry.pk}"' not in page


@pytest.mark.django_db(transaction=True)
def test_reply_that_left_stays(ticket, desk_of, url, travel):
    # at 11 s → «Já saiu»
    desk_of.post(f"{url}/enviar/", message(ticket))
    entry = ThreadEntry.objects.get(kind="reply")
    travel(seconds=11)
    while deliver_due():
        pass
    answer = desk_of.post(f"{url}/respostas/{entry.pk}/desfazer/")
    assert answer.status_code == 409
    assert not Draft.objects.exists()
    assert not ThreadEntry.objects.get(pk=entry.pk).withdrawn


def test_only_the_author_takes_back(ticket, desk_of, url, browser, person):
    desk_of.post(f"{url}/enviar/", message(ticket))
    entry = ThreadEntry.objects.get(kind="reply")
    assert browser(person("caio")).post(f"{url}/respostas/{entry.pk}/desfazer/").status_code == 404
    assert not ThreadEntry.objects.get(pk=entry.pk).withdrawn


def test_send_stops_when_the_customer_wrote_meanwhile(ticket, desk_of, url, arrive):
    #
    values = message(ticket)
    reference = ticket.entries.get(kind="customer").message_id
    arrive(subject="Re: NF-e", text="Não reenvie a 1932", in_reply_to=reference, references=f"<{reference}>")
    answer = desk_of.post(f"{url}/enviar/", values)
    assert answer.status_code == 409
    assert "Não reenvie a 1932" in answer.content.decode()
    assert not ThreadEntry.objects.filter(kind="reply").exists()
    assert desk_of.post(f"{url}/enviar/", {**values, "kind": "note", "key": "c" * 32}).status_code == 200
    assert desk_of.post(f"{url}/enviar/", {**values, "anyway": "on"}).status_code == 200
    assert ThreadEntry.objects.filter(kind="reply").count() == 1


def test_discard_throws_text_and_files_away(ticket, desk_of, url):
    upload(desk_of, url)
    desk_of.post(f"{url}/rascunho/", {"kind": "reply", "text": "nada", "base": 1, "key": KEY})
    assert desk_of.post(f"{url}/rascunho/descartar/").status_code == 200
    assert not Draft.objects.exists()


@pytest.mark.parametrize(
    "path", ["enviar/", "rascunho/", "arquivos/", "rascunho/descartar/", "situacao/", "trio/"]
)
def test_foreign_ticket_is_absent_and_get_is_no_way_in(arrive, desk_of, path):
    # A07
    foreign = arrive(department="financeiro").ticket
    url = f"/chamados/{foreign.pk}/{path}"
    assert desk_of.post(url, {"kind": "reply", "text": "x", "base": 0, "key": KEY}).status_code == 404
    assert desk_of.get(url).status_code == 405
    assert not Draft.objects.exists()


def test_post_without_token_is_refused(ticket, livia, url):
    # A28
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(livia)
    assert strict.post(f"{url}/enviar/", message(ticket)).status_code == 403
    assert not ThreadEntry.objects.filter(kind="reply").exists()


def test_right_taken_away_counts_at_the_next_request(ticket, desk_of, livia, url):
    # A08
    livia.memberships.all().delete()
    assert desk_of.get(f"{url}/").status_code == 404
    assert desk_of.post(f"{url}/enviar/", message(ticket)).status_code == 404


def test_expired_session_keeps_the_page_and_names_the_login(ticket, url):
    answer = Client(headers={"HX-Request": "true", "HX-Current-URL": f"http://testserver{url}/"}).post(
        f"{url}/enviar/"
    )
    assert answer.status_code == 401
    assert answer["HX-Redirect"].endswith(f"?next={url}/")


def test_draft_of_a_withdrawn_reply_goes_before_what_was_begun(ticket, desk_of, url, livia):
    entry = conversation.reply(ticket, actor=livia, text="primeira")
    desk_of.post(f"{url}/rascunho/", {"kind": "reply", "text": "segunda", "base": 1, "key": "b" * 32})
    desk_of.post(f"{url}/respostas/{entry.pk}/desfazer/")
    assert Draft.objects.get().text == "primeira\n\nsegunda"


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_the_same_moment_send_one(ticket, url, browser, livia):
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    desks, values = [browser(livia) for _ in range(4)], message(ticket, then="waiting_customer")

    def click(desk) -> int:
        try:
            return desk.post(f"{url}/enviar/", values).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(desks)) as pool:
        assert list(pool.map(click, desks)) == [200] * len(desks)
    assert ThreadEntry.objects.filter(kind="reply").count() == 1
    assert OutboundMessage.objects.filter(purpose="reply").count() == 1
