"""Decides what a browser test never lets pass: anything our pages ask of strangers, refuse, break or spill."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, expect

DESKTOP, PHONE = (1440, 900), (390, 844)
RULES = {
    "resultTypes": ["violations"],
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"],
    },
}
LISTEN = """addEventListener("securitypolicyviolation", (event) =>
  window.sayBroken(`${location.pathname}: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`))"""
# The whole mail stands in a sandboxed frame whose policy is meant to refuse what the mail asks for (A03).
FRAME = re.compile(r"/mensagens/\d+/original/quadro/")
WIDER = """() => {
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  const sticksOut = (each) => each.getBoundingClientRect().right > innerWidth;
  const wide = [...document.body.querySelectorAll("*")].filter(sticksOut).slice(0, 3);
  return [`${document.documentElement.scrollWidth} px`, ...wide.map((each) => each.outerHTML.slice(0, 120))];
}"""


@dataclass
class Watch:
    """Opens browsers and keeps what went wrong in them; `allowed` are the answer codes the test means to get."""

    browser: Browser
    url: str
    shots: Path | None = None
    allowed: set[int] = field(default_factory=set)
    trouble: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def context(self, *, phone: bool = False, dark: bool = False, cookie: dict[str, str] | None = None):
        """Open a fresh browser of one size and theme, signed in when a session cookie is given."""
        width, height = PHONE if phone else DESKTOP
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, locale="pt-BR", base_url=self.url,
            color_scheme="dark" if dark else "light", is_mobile=phone, has_touch=phone, reduced_motion="reduce",
            timezone_id="America/Sao_Paulo",
        )  # fmt: skip
        context.set_default_timeout(15_000)
        self.contexts.append(context)
        for name, value in (cookie or {}).items():
            context.add_cookies([{"name": name, "value": value, "url": self.url}])
        context.expose_binding("sayBroken", lambda _source, said: self.trouble.append(f"policy: {said}"))
        context.add_init_script(LISTEN)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.trouble.append(f"script: {error.error}"))
        context.on(
            "dialog", lambda dialog: (self.trouble.append(f"dialog: {dialog.message}"), dialog.dismiss())
        )
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)
        return context

    def close(self) -> None:
        """End every browser of the test."""
        for context in self.contexts:
            context.close()
        self.contexts.clear()

    @contextmanager
    def expecting(self, *codes: int) -> Iterator[None]:
        """Answers with these codes are meant, inside the block."""
        before, self.allowed = self.allowed, self.allowed | set(codes)
        yield
        self.allowed = before

    def look(self, page: Page, name: str, *, axe: bool = True) -> None:
        """Judge the page as it stands: axe, width, inline handlers and styles; keep a picture when asked for."""
        settle(page)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            self.shoot(page, f"{name}-{scheme}")
            found = Axe().run(page, options=RULES).response["violations"] if axe else []
            self.trouble += [
                f"axe {name} {scheme}: {each['id']} {node['html'][:160]}"
                for each in found
                for node in each["nodes"][:3]
            ]
        self.trouble += [f"wider than the window, {name}: {each}" for each in page.evaluate(WIDER)]

    def shoot(self, page: Page, name: str) -> None:
        if self.shots is not None:
            width = page.viewport_size["width"]
            page.screenshot(path=self.shots / f"{name}-{width}.png")

    def _console(self, said: ConsoleMessage) -> None:
        where = said.location.get("url", "")
        refused = "Content Security Policy" in said.text
        if FRAME.search(where) or said.text.startswith("Failed to load resource"):
            return
        if refused or said.type == "error":
            self.trouble.append(f"console at {where}: {said.text}")

    def _request(self, request: Request) -> None:
        if not self._ours(request.url) and not FRAME.search(request.frame.url):
            self.trouble.append(f"foreign request: {request.url}")

    def _failed(self, request: Request) -> None:
        if self._ours(request.url) and request.failure not in ("net::ERR_ABORTED", None):
            self.trouble.append(f"failed: {request.url} {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.allowed:
            self.trouble.append(f"{response.status}: {response.url}")

    def _ours(self, url: str) -> bool:
        parts = urlsplit(url)
        return parts.scheme in ("about", "blob") or f"{parts.scheme}://{parts.netloc}" == self.url


def settle(page: Page) -> None:
    """Wait until nothing loads and no fragment is on its way."""
    page.wait_for_load_state("load")
    expect(page.locator(".htmx-request, .htmx-settling")).to_have_count(0)
    page.evaluate("document.fonts.ready.then(() => true)")
