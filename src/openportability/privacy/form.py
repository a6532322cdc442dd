"""An export as bytes: JSON, its JSON Schema, and the zip that holds both and the networks' own forms."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping

from pydantic import TypeAdapter, ValidationError

from openportability.errors import Invalid
from openportability.privacy.parts import VERSION, Document

NAME = "openportability.json"
SCHEMA_NAME = "openportability.schema.json"

#: Largest document that is read: some two million links.
MOST_BYTES = 64 * 1024 * 1024
_FORM: TypeAdapter[Document] = TypeAdapter(Document)
#: PostgreSQL keeps no text that holds it.
_NUL = b"\\u0000"
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


def read(body: bytes) -> Document:
    """Read a document, alone or in its zip; raise `Invalid` for anything else."""
    text = _unzipped(body) if body.startswith(b"PK") else body
    if len(text) > MOST_BYTES or _NUL in text:
        raise Invalid("import.unreadable")
    try:
        document = _FORM.validate_json(text)
    except ValidationError:
        raise Invalid("import.unreadable") from None
    if document.version != VERSION:
        raise Invalid("import.unreadable")
    return document


def _unzipped(body: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as zipped, zipped.open(NAME) as file:
            return file.read(MOST_BYTES + 1)
    except (zipfile.BadZipFile, KeyError, OSError, EOFError, NotImplementedError, RuntimeError):
        raise Invalid("import.unreadable") from None
