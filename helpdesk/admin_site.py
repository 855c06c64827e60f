"""Decides who enters the set-up room and what stands in it: pages of our own, opened by the rights table (R-401).

It is Django's admin under our stylesheet. Pages that other apps register by themselves (accounts, second factors,
groups) are left out, and so are Django's own login, password and history pages: ours do that work.
"""

from collections.abc import Iterable
from functools import update_wrapper
from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

GROUPS = {
    "company": _("Company"),
    "people": _("People"),
    "channels": _("Channels"),
    "stopped": _("Stopped messages"),
    "trail": _("Trail"),
}


class DeskAdminSite(AdminSite):
    """The set-up room and the supervisors' desk; never the analyst's desk."""

    site_header = site_title = _("Set-up")
    index_title = _("Set-up")
    site_url = "/"
    enable_nav_sidebar = False

    def register(
        self, model_or_iterable: Any, admin_class: type[ModelAdmin] | None = None, **options: Any
    ) -> None:
        """Take only pages that name the right which opens them; the ready-made ones show password hashes (A09)."""
        if getattr(admin_class, "right", ""):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        return any(page.has_module_permission(request) for page in self._registry.values())

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Send strangers to the one login page; people without a right read that this is not for them."""

        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not self.has_permission(request):
                raise PermissionDenied("set-up room")
            return view(request, *args, **kwargs)

        return update_wrapper(never_cache(guarded), view)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        pages: Iterable[URLResolver] = (
            path(f"{model._meta.app_label}/{model._meta.model_name}/", include(page.urls))
            for model, page in self._registry.items()
        )
        return [path("", self.admin_view(self.index), name="index"), *pages]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[dict[str, Any]]:
        """Return the groups of the rail and the first page, each with the pages this person may open."""
        groups: dict[str, list[dict[str, Any]]] = {key: [] for key in GROUPS}
        for model, page in self._registry.items():
            if not page.has_module_permission(request):
                continue
            url = reverse(
                f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist", current_app=self.name
            )
            groups[page.group].append(  # type: ignore[attr-defined]  # every page here is a RightsAdmin
                {
                    "name": page.menu_name,  # type: ignore[attr-defined]  # every page here is a RightsAdmin
                    "summary": page.summary,  # type: ignore[attr-defined]  # every page here is a RightsAdmin
                    "icon": page.icon,  # type: ignore[attr-defined]  # every page here is a RightsAdmin
                    "admin_url": url,
                    "current": request.path.startswith(url),
                    "waiting": page.waiting(request),  # type: ignore[attr-defined]  # every page here is a RightsAdmin
                }
            )
        return [{"name": GROUPS[key], "models": pages} for key, pages in groups.items() if pages]
