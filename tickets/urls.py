"""Addresses of the desk."""

from django.urls import URLPattern, path

from tickets import attachment_urls, mailbox_urls
from tickets.views import actions, composer, live, new, presence, profile, queue, thread

app_name = "tickets"
urlpatterns: list[URLPattern] = [
    path("", queue.queue, name="queue"),
    path("lista/", queue.ticket_list, name="ticket_list"),
    path("lista/mais/", queue.ticket_rows, name="ticket_rows"),
    path("lista/<int:pk>/", queue.ticket_row, name="ticket_row"),
    path("barra/", queue.rail, name="rail"),
    path("novo/", new.new, name="new"),
    path("novo/contatos/", new.contacts, name="contacts"),
    path("perfil/", profile.profile, name="profile"),
    path("perfil/idioma/", profile.language, name="language"),
    path("live/", live.live, name="live"),
    path("chamados/<int:pk>/", thread.ticket, name="ticket"),
    path("chamados/<int:pk>/conversa/", thread.conversation, name="conversation"),
    path("chamados/<int:pk>/cabecalho/", thread.ticket_header, name="ticket_header"),
    path("chamados/<int:pk>/mensagens/", thread.thread, name="thread"),
    path("chamados/<int:pk>/mensagens/anteriores/", thread.thread_earlier, name="thread_earlier"),
    path("chamados/<int:pk>/contexto/", thread.sidebar, name="sidebar"),
    path("chamados/<int:pk>/presenca/", presence.beat, name="presence"),
    path("chamados/<int:pk>/rascunho/", composer.draft, name="draft"),
    path("chamados/<int:pk>/rascunho/descartar/", composer.discard, name="discard"),
    path("chamados/<int:pk>/arquivos/", composer.upload, name="upload"),
    path("chamados/<int:pk>/arquivos/<int:file>/remover/", composer.remove_file, name="remove_file"),
    path("chamados/<int:pk>/enviar/", composer.send, name="send"),
    path("chamados/<int:pk>/respostas/<int:entry>/desfazer/", composer.withdraw, name="withdraw"),
    path("chamados/<int:pk>/situacao/", actions.status, name="status"),
    path("chamados/<int:pk>/responsavel/", actions.assign, name="assign"),
    path("chamados/<int:pk>/responsavel/opcoes/", actions.assignee_menu, name="assignee_menu"),
    path("chamados/<int:pk>/setor/", actions.department, name="department"),
    path("chamados/<int:pk>/setor/opcoes/", actions.department_menu, name="department_menu"),
    path("chamados/<int:pk>/trio/", actions.trio, name="set_trio"),
    path("chamados/<int:pk>/trio/ver/", actions.trio_shown, name="trio"),
    path("chamados/<int:pk>/trio/editar/", actions.trio_form, name="trio_form"),
    path("chamados/<int:pk>/continuacao/", actions.decide_follow_up, name="follow_up"),
    path("chamados/<int:pk>/links/cancelar/", actions.revoke_links, name="revoke_links"),
    path("chamados/<int:pk>/entregas/<int:delivery>/", actions.decide_delivery, name="decide_delivery"),
    path(
        "chamados/<int:pk>/copias/<int:participant>/remover/",
        actions.remove_participant,
        name="remove_participant",
    ),
    path("chamados/<int:pk>/identificar/", actions.identify, name="identify"),
    *attachment_urls.urlpatterns,
    *mailbox_urls.urlpatterns,
]
