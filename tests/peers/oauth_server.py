"""A local authorisation server: code with PKCE, refresh, withdrawal; it says which access tokens are good."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.peers.certificates import HOST
from tests.peers.serving import serving

CLIENT_ID, CLIENT_SECRET = "presteza-client", "client-secret-4711"


class OAuthServer(ThreadingHTTPServer):
    """Its books: codes, live tokens, and every token ever given (for the scan of logs)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Handler)
        self.host, self.port = self.server_address[0], self.server_address[1]
        self.codes: dict[str, dict[str, str]] = {}
        self.good: set[str] = set()
        self.refresh_tokens: set[str] = set()
        self.ever: list[str] = []
        self.refreshes = 0
        self.slow = 0.0
        self.expires_in = 3600
        self.broken = False
        self.lasting = True
        self.lock = threading.Lock()

    @property
    def authorize_url(self) -> str:
        return f"http://{self.host}:{self.port}/authorize"

    @property
    def token_url(self) -> str:
        return f"http://{self.host}:{self.port}/token"

    def is_good(self, token: str) -> bool:
        return token in self.good

    def expire_access(self) -> None:
        """Every access token is worth nothing from now on, whatever its clock said."""
        self.good.clear()

    def withdraw_consent(self) -> None:
        self.good.clear()
        self.refresh_tokens.clear()

    def issue(self) -> dict[str, object]:
        access, refresh = f"at-{secrets.token_urlsafe(24)}", f"rt-{secrets.token_urlsafe(24)}"
        self.good.add(access)
        self.ever += [access, refresh]
        if not self.lasting:
            return {"access_token": access, "expires_in": self.expires_in}
        self.refresh_tokens.add(refresh)
        return {"access_token": access, "refresh_token": refresh, "expires_in": self.expires_in}


class _Handler(BaseHTTPRequestHandler):
    server: OAuthServer

    def log_message(self, *_words: object) -> None:
        """Tests read our logs; this server writes none."""

    def do_GET(self) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if asked.get("client_id") != CLIENT_ID or asked.get("code_challenge_method") != "S256":
            self.answer(400, {"error": "invalid_request"})
            return
        code = secrets.token_urlsafe(16)
        self.server.codes[code] = asked
        self.send_response(302)
        back = urlencode({"code": code, "state": asked["state"]})
        self.send_header("Location", f"{asked['redirect_uri']}?{back}")
        self.end_headers()

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
        if self.server.broken:
            self.answer(503, {"error": "temporarily_unavailable"})
        elif form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
            self.answer(401, {"error": "invalid_client"})
        elif form["grant_type"] == "refresh_token":
            self.refresh(form)
        else:
            self.trade(form)

    def trade(self, form: dict[str, str]) -> None:
        asked = self.server.codes.pop(form["code"], None)
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proved = (
            asked and base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() == asked["code_challenge"]
        )
        if not proved or form["redirect_uri"] != asked["redirect_uri"]:
            self.answer(400, {"error": "invalid_grant"})
            return
        self.answer(200, self.server.issue())

    def refresh(self, form: dict[str, str]) -> None:
        time.sleep(self.server.slow)
        with self.server.lock:
            if form["refresh_token"] not in self.server.refresh_tokens:
                self.answer(
                    400, {"error": "invalid_grant", "error_description": f"gone: {form['refresh_token']}"}
                )
                return
            self.server.refreshes += 1
            self.server.refresh_tokens.discard(form["refresh_token"])  # rotates: a second use is refused
            self.answer(200, self.server.issue())

    def answer(self, status: int, body: dict[str, object]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def running_oauth() -> Iterator[OAuthServer]:
    with serving(OAuthServer()) as server:
        yield server
