"""Decides what a browser test never lets pass: anything our pages ask of strangers, refuse, break or spill."""

import os
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
CONTRAST = {"resultTypes": ["violations"], "runOnly": {"type": "rule", "values": ["color-contrast"]}}
LISTEN = """addEventListener("securitypolicyviolation", (event) =>
  window.sayBroken(`${location.pathname}: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`))"""
# The whole mail stands in a sandboxed frame whose policy is meant to refuse what the mail asks for (A03).
FRAME = re.compile(r"/mensagens/\d+/original/quadro/")
# Sideways scrolling of the page or of a part that is meant to scroll down only, and words outside the window.
WIDER = """() => {
  const all = { checkOpacity: true, checkVisibilityCSS: true };
  const meant = ".scroll-x, pre, textarea, input, .box, .prose, .bubble";
  const scrolls = (each) => ["auto", "scroll"].includes(getComputedStyle(each).overflowX);
  const within = (each) => each && each !== document.body && (scrolls(each) || within(each.parentElement));
  const seen = (each) => each.checkVisibility(all) && !each.closest(".sr");
  const everything = [...document.body.querySelectorAll("*")].filter(seen);
  const out = everything.filter((each) => {
    const place = each.getBoundingClientRect();
    return place.width > 1 && place.right > innerWidth + 1 && !within(each.parentElement);
  });
  const spills = (each) => scrolls(each) && each.scrollWidth > each.clientWidth + 1;
  const wide = everything.filter((each) => spills(each) && !each.matches(meant));
  const root = document.documentElement;
  const page = root.scrollWidth > innerWidth ? [`${root.scrollWidth} px`] : [];
  return [...page, ...[...out, ...wide].slice(0, 3).map((each) => each.outerHTML.slice(0, 120))];
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

    def look(self, page: Page, name: str) -> None:
        """Judge the page as it stands: axe, width; keep pictures in both themes when asked for.

        The context's own theme is judged by every rule, the other one (contrast is all it changes) with --full.
        """
        settle(page)
        own = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        self.shoot(page, f"{name}-{'dark' if own else 'light'}")
        self.judge(page, name, RULES)
        if self.shots is not None or os.environ.get("HD_FULL"):
            page.emulate_media(color_scheme="light" if own else "dark")
            self.shoot(page, f"{name}-{'light' if own else 'dark'}")
            self.judge(page, f"{name} in the other theme", CONTRAST)
            page.emulate_media(color_scheme="dark" if own else "light")
        self.trouble += [f"wider than the window, {name}: {each}" for each in page.evaluate(WIDER)]

    def judge(self, page: Page, name: str, rules: dict) -> None:
        """Let axe look at the page by these rules."""
        for broken in Axe().run(page, options=rules).response["violations"]:
            nodes = [node["html"][:160] for node in broken["nodes"][:3]]
            self.trouble.append(f"axe, {name} {page.viewport_size['width']}: {broken['id']} {nodes}")

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
