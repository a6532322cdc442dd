"""An export as bytes: JSON, its JSON Schema, and the zip that holds both and the networks' own forms."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping

from pydantic import TypeAdapter, ValidationError

from openportability.errors import Invalid
from openportability.privacy.known import LeftOut
from openportability.privacy.parts import VERSION, Document

NAME = "openportability.json"
SCHEMA_NAME = "openportability.schema.json"

#: Largest document that is read: some two million links.
MOST_BYTES = 64 * 1024 * 1024
#: A parsed value takes many times its bytes: so many at most, by the signs that stand before each.
_MOST_OF = {b",": 5_000_000, b"{": 500_000, b"[": 500_000}
_FORM: TypeAdapter[Document] = TypeAdapter(Document)
#: PostgreSQL keeps no text that holds it.
_NUL = b"\\u0000"
#: What the reading of a torn or made-up zip may raise.
_NO_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    OSError,
    EOFError,
    RuntimeError,  # encrypted, or packed in a way that this Python cannot read
    ValueError,
)
#: Always the same, so that the same data gives the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)


def schema() -> dict[str, object]:
    """Return the JSON Schema of the document."""
    described = _FORM.json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}


def to_json(document: Document) -> bytes:
    """Return the document as it is exported: the same data gives the same bytes."""
    return _FORM.dump_json(document, indent=1)


def packed(document: Document, others: Mapping[str, bytes]) -> bytes:
    """Return a zip of the document, its schema and what the networks' own tools read."""
    files = {
        NAME: to_json(document),
        SCHEMA_NAME: json.dumps(schema(), indent=1).encode(),
        **dict(sorted(others.items())),
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(entry, content)
    return made.getvalue()


def read(body: bytes) -> tuple[Document, int]:
    """Read a document, alone or in its zip; raise `Invalid` for anything else.

    What a newer site calls by words that this one does not know is left out; the number says how much.
    """
    text = _unzipped(body) if body.startswith(b"PK") else body
    crowded = any(text.count(sign) > most for sign, most in _MOST_OF.items())
    if len(text) > MOST_BYTES or crowded or _NUL in text:
        raise Invalid("import.unreadable")
    left_out = LeftOut()
    try:
        document = _FORM.validate_json(text, context=left_out)
    except ValidationError:
        raise Invalid("import.unreadable") from None
    if document.version != VERSION:
        raise Invalid("import.unreadable")
    return document, left_out.count


def _unzipped(body: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as zipped, zipped.open(NAME) as file:
            return file.read(MOST_BYTES + 1)
    except _NO_ZIP:
        raise Invalid("import.unreadable") from None
