"""Where files lie that are derived from the database: in a folder, or in a bucket that many machines share.

A file is there whole or not at all, and never changed: who knows its name reads what was meant by it. Whatever keeps
us from a file is an `OSError`; where it is not there, a `FileNotFoundError`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import urlsplit

from openportability.settings import Settings


class Files(Protocol):
    """Files by their names, which have no slash in them."""

    def new(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Give a file to write; it is there under its name when the block has ended well."""

    def open(self, name: str) -> IO[bytes]:
        """Return a file on this machine with what it holds: it can be read though it is removed meanwhile."""

    def has(self, name: str) -> bool:
        """Say whether it is there."""

    def names(self) -> Sequence[str]:
        """Return the names of all that is there, also of what was never finished."""

    def remove(self, name: str) -> None:
        """Remove it, if it is there."""


class Folder:
    """A folder of this machine, or one that machines share. It must be there: a disk that is not mounted is away."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def new(self, name: str) -> Iterator[IO[bytes]]:
        part = self._path / f"{name}.part"
        try:
            opened = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            # Closed before it has its name: only then other machines see all of it.
            with os.fdopen(opened, "wb") as file:
                yield file
            part.rename(self._path / name)
        finally:
            part.unlink(missing_ok=True)

    def open(self, name: str) -> IO[bytes]:
        return (self._path / name).open("rb")

    def has(self, name: str) -> bool:
        return name in self.names()

    def names(self) -> Sequence[str]:
        return [path.name for path in self._path.iterdir() if path.is_file()]

    def remove(self, name: str) -> None:
        (self._path / name).unlink(missing_ok=True)


def place(settings: Settings) -> Files:
    """Return where the settings say that files lie."""
    parts = urlsplit(settings.files_url)
    if parts.scheme != "s3":
        return Folder(Path(parts.path) if parts.path else settings.data_dir)
    # Its library is an extra, that a site without a bucket does not have.
    from openportability.bucket import Bucket  # noqa: PLC0415 - see above

    return Bucket.of_s3(
        parts.netloc,
        parts.path.strip("/"),
        endpoint=settings.files_endpoint,
        extra_ca_file=settings.extra_ca_file,
        scratch=settings.data_dir,
    )
