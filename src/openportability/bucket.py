"""Files in a bucket, as `files.Files` promises.

What is read is copied to this machine first, into a file without a name that ends with the process: a segment is asked
for thousands of small pages, and then goes on being read while the bucket is away.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from obstore import exceptions
from obstore.store import MemoryStore, S3Store

if TYPE_CHECKING:
    # Its types alone: they are not there when it runs.
    from obstore.store import ClientConfig, RetryConfig

#: Read and sent at once: some seconds on a slow line, so that one request never takes longer than it may.
_PIECE = 8 * 1024 * 1024
_SENT_TOGETHER = 4
#: Matching waits for this long at most before it does without.
_PATIENCE: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}
_REFUSED = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)


class Bucket:
    """A bucket, or what is like one."""

    def __init__(self, store: S3Store | MemoryStore, scratch: Path) -> None:
        self._store, self._scratch = store, scratch

    @classmethod
    def of_s3(
        cls, bucket: str, prefix: str, *, endpoint: str, extra_ca_file: Path | None, scratch: Path
    ) -> Self:
        """Return a bucket of S3. Its keys and region are in the environment, under the names that AWS gave them."""
        client: ClientConfig = {
            "connect_timeout": "5s",
            "timeout": "60s",
            # The settings take such an address of this machine alone.
            "allow_http": endpoint.startswith("http://"),
        }
        if extra_ca_file:
            client["root_certificate"] = extra_ca_file.read_bytes()
        store = S3Store(
            bucket,
            prefix=prefix or None,
            config={"endpoint": endpoint} if endpoint else None,
            client_options=client,
            retry_config=_PATIENCE,
        )
        return cls(store, scratch)

    @contextmanager
    def new(self, name: str) -> Iterator[IO[bytes]]:
        with tempfile.TemporaryFile(dir=self._scratch) as file:
            yield file
            file.seek(0)
            with _told_as_os_errors():
                self._store.put(name, file, chunk_size=_PIECE, max_concurrency=_SENT_TOGETHER)

    def open(self, name: str) -> IO[bytes]:
        with _told_as_os_errors():
            size = self._store.head(name)["size"]
        file = tempfile.TemporaryFile(dir=self._scratch)  # noqa: SIM115 - who asked for it closes it
        try:
            for start in range(0, size, _PIECE):
                with _told_as_os_errors():
                    end = min(start + _PIECE, size)
                    file.write(self._store.get_range(name, start=start, end=end))
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def has(self, name: str) -> bool:
        try:
            with _told_as_os_errors():
                self._store.head(name)
        except FileNotFoundError:
            return False
        return True

    def names(self) -> Sequence[str]:
        with _told_as_os_errors():
            return [one["path"] for some in self._store.list() for one in some]

    def remove(self, name: str) -> None:
        try:
            with _told_as_os_errors():
                self._store.delete(name)
        except FileNotFoundError:
            return


@contextmanager
def _told_as_os_errors() -> Iterator[None]:
    """Leave the words of the library out: they hold what was asked and what was answered."""
    try:
        yield
    except _REFUSED as error:
        raise PermissionError(type(error).__name__) from None
    except exceptions.BaseError as error:
        raise OSError(type(error).__name__) from None
