"""Addresses of files and whole mails."""

from django.urls import path

from tickets.views import files

urlpatterns = [
    path("arquivos/<int:pk>/", files.attachment, name="attachment"),
    path("rascunhos/arquivos/<int:pk>/", files.draft_file, name="draft_file"),
    path("mensagens/<int:pk>/original/", files.original, name="original"),
    path("mensagens/<int:pk>/original/quadro/", files.original_frame, name="original_frame"),
    path("mensagens/<int:pk>/original/eml/", files.original_raw, name="original_raw"),
    path("figuras/<str:signed>/", files.original_picture, name="original_picture"),
]
