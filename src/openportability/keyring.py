"""The keys of an instance, as the text in which they are kept outside the database."""

from __future__ import annotations

import base64
import binascii
import itertools
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

#: The name of the key on which everything hangs that must stay the same for good.
IDENTITY = "identity"

KEY_BYTES = 32
_KEY_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class BadKeyring(ValueError):
    """The keyring cannot be used; the text says why and never shows a key."""


@dataclass(frozen=True, kw_only=True)
class Keyring:
    """The keys of an instance. Kept outside the database, in the text form of `parse`."""

    #: Never changes, or nobody is found and nobody stays signed in.
    identity: bytes = field(repr=False)
    #: Sealing keys by id, newest first.
    sealing: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """Read lines of `key_id:base64url(32 bytes)`, newest first; one id is `identity`."""
        keys: dict[str, bytes] = {}
        for part in filter(None, (part.strip() for part in re.split(r"[\n,]", text))):
            key_id, colon, encoded = part.partition(":")
            if not colon or not _KEY_ID.fullmatch(key_id):
                raise BadKeyring("a line of the keyring is not of the form key_id:base64url")
            if key_id in keys:
                raise BadKeyring(f"the keyring holds the key id {key_id} twice")
            keys[key_id] = _parse_key(key_id, encoded)
        if len(set(keys.values())) != len(keys):
            raise BadKeyring("the keyring holds one key under two ids")
        identity = keys.pop(IDENTITY, None)
        if identity is None or not keys:
            raise BadKeyring(f"the keyring needs a line {IDENTITY}:… and at least one more key")
        return cls(identity=identity, sealing=keys)

    @classmethod
    def fresh(cls) -> Keyring:
        """Make the keyring of a new instance."""
        return cls(identity=secrets.token_bytes(KEY_BYTES), sealing=dict([_new_key()]))

    def grown(self) -> Keyring:
        """Return this keyring with a new sealing key in front; the old ones still open."""
        return Keyring(identity=self.identity, sealing=dict([_new_key(), *self.sealing.items()]))

    def newest_only(self) -> Keyring:
        """Return this keyring without the old sealing keys, once nothing needs them any more."""
        newest = next(iter(self.sealing))
        return Keyring(identity=self.identity, sealing={newest: self.sealing[newest]})

    def text(self) -> str:
        """Return the form that `parse` reads. It is the whole secret of the instance."""
        keys = [*self.sealing.items(), (IDENTITY, self.identity)]
        return "".join(f"{key_id}:{_encode(key)}\n" for key_id, key in keys)


def _new_key() -> tuple[str, bytes]:
    return f"k{secrets.token_hex(4)}", secrets.token_bytes(KEY_BYTES)


def _encode(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def _parse_key(key_id: str, encoded: str) -> bytes:
    bare = encoded.rstrip("=")
    try:
        key = base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadKeyring(f"the key {key_id} is not base64url") from None
    if len(key) != KEY_BYTES:
        raise BadKeyring(f"the key {key_id} has {len(key)} bytes, not {KEY_BYTES}")
    if _looks_made_up(key):
        raise BadKeyring(f"the key {key_id} is not random: make one with a generator")
    return key


def _looks_made_up(key: bytes) -> bool:
    """True for zeros, repetitions, counting and typed text; for a random key once in 2**40."""
    steps = {(after - before) % 256 for before, after in itertools.pairwise(key)}
    return len(set(key)) < 16 or len(steps) < 4 or all(32 <= byte < 127 for byte in key)
