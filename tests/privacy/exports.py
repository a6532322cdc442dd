"""Sending an export, as the page and programs do."""

from __future__ import annotations

import io
import secrets
import zipfile

from openportability.privacy import form
from openportability.privacy.parts import Document
from tests.browsing import Answer, Browser

TO = "/api/v1/imports/openportability"


def unzipped(browser: Browser) -> dict[str, bytes]:
    """Return the files of a person's export."""
    answer = browser.api("GET", "/export")
    assert answer.status == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.body)) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def exported(browser: Browser) -> Document:
    """Return what a person takes out."""
    document, unknown = form.read(unzipped(browser)[form.NAME])
    assert unknown == 0
    return document


def send(browser: Browser, path: str, body: bytes, **fields: str) -> Answer:
    """Bring a file."""
    boundary = secrets.token_hex(16)
    parts = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    parts += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="e.zip"\r\n'
        "Content-Type: application/zip\r\n\r\n"
    )
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Sec-Fetch-Site": "same-origin",
    }
    whole = parts.encode() + body + f"\r\n--{boundary}--\r\n".encode()
    return browser.ask("POST", path, body=whole, headers=headers)
