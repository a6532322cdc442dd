"""A browser of few words: keeps cookies, follows redirects, sends forms. The tour goes through pages with it."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any


class Declined(Exception):
    """The site said no; the text is its answer."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What came back."""

    url: str
    status: int
    text: str

    def json(self) -> Any:
        """Return the answer of an API call, or raise `Declined`."""
        if self.status >= 400:
            raise Declined(self.text)
        return json.loads(self.text)


class Visitor:
    """One person's browser, on one site."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        jar = CookieJar(DefaultCookiePolicy(rfc2965=True))
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar)
        )

    def get(self, path: str) -> Seen:
        return self._open(urllib.request.Request(self._url(path)))  # noqa: S310 - our own site

    def send(self, path: str, **form: str) -> Seen:
        """Send a form as a page does."""
        body = urllib.parse.urlencode(form).encode()
        return self._post(path, body, "application/x-www-form-urlencoded")

    def call(self, path: str, form: Any = None) -> Any:
        """Call the API with JSON."""
        body = json.dumps(form).encode()
        return self._post(f"/api/v1{path}", body, "application/json").json()

    def upload(self, path: str, name: str, content: bytes) -> Any:
        """Send one file to the API."""
        boundary = secrets.token_hex(16)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/zip\r\n\r\n"
        )
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        media_type = f"multipart/form-data; boundary={boundary}"
        return self._post(f"/api/v1{path}", body, media_type).json()

    def _post(self, path: str, body: bytes, media_type: str) -> Seen:
        headers = {"Content-Type": media_type, "Origin": self.base_url}
        url = self._url(path)
        return self._open(
            urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - our own site
        )

    def _url(self, path: str) -> str:
        return urllib.parse.urljoin(self.base_url, path)

    def _open(self, request: urllib.request.Request) -> Seen:
        try:
            with self._opener.open(request, timeout=60) as answer:
                return Seen(url=answer.url, status=answer.status, text=answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Seen(url=error.url, status=error.code, text=error.read().decode())
