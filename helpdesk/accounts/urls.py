"""Addresses of signing in, links by mail, second factor and own sessions: these and no other page of allauth."""

from django.urls import path
from django.views.i18n import set_language

from helpdesk.accounts.views import access, entrance, links, second_factor

urlpatterns = [
    path("", access.show_access, name="mfa_index"),
    path("entrar/", entrance.sign_in, name="account_login"),
    path("codigo/", entrance.enter_code, name="mfa_authenticate"),
    path("sair/", entrance.sign_out, name="account_logout"),
    path("idioma/", set_language, name="set_language"),
    path("senha/", links.ask_reset, name="account_reset_password"),
    path("senha/trocar/", access.change_password, name="account_change_password"),
    path("senha/<str:token>/", links.reset_from_link, name="account_reset_password_from_key"),
    path("convite/<str:token>/", links.accept_invitation, name="account_invitation"),
    path("sessoes/<int:pk>/encerrar/", access.end_own_session, name="account_end_session"),
    path("dois-fatores/", second_factor.activate, name="mfa_activate_totp"),
    path("dois-fatores/desligar/", second_factor.deactivate, name="mfa_deactivate_totp"),
    path("dois-fatores/reserva/", second_factor.show_codes, name="mfa_view_recovery_codes"),
    path("dois-fatores/reserva/baixar/", second_factor.download_codes, name="mfa_download_recovery_codes"),
    path("dois-fatores/reserva/nova/", second_factor.renew_codes, name="mfa_generate_recovery_codes"),
]
