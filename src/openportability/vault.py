"""Seals what must not be read in the database, and enciphers the numbers that strangers may see.

A keyring has one `identity` key and one or more sealing keys. Sealing keys come and go: the first
one seals, the others only open, and one that nothing needs any more is removed. What must stay
the same for good (keys of actors, hashes of tokens, ids in addresses) hangs on `identity`, a line
of its own: if it were the oldest sealing key, taking that key away at the end of a rotation would
silently lose every list and session.

Formats, each beginning with a version byte:
    sealed by the instance   version, length of key id, key id, nonce (12 bytes), ciphertext, tag
    sealed by a person       version, nonce (12 bytes), ciphertext, tag
The associated data holds the header and the place (`table:row:column`), so a value moved elsewhere
does not open.
Nonces are random: a person's key is to be replaced long before 2**32 seals.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import itertools
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from openportability.blocks import BLOCK_BYTES, Blocks, Unreadable

__all__ = ["BadKeyring", "Keyring", "PersonalKey", "Unreadable", "Vault"]

#: The name of the key on which everything hangs that must stay the same for good.
IDENTITY = "identity"

_VERSION = 1
_KEY_BYTES = 32
_NONCE_BYTES = 12
_KEY_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class BadKeyring(ValueError):
    """The keyring cannot be used; the text says why and never shows a key."""


# --- the keyring ------------------------------------------------------------------------------


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
        return cls(identity=secrets.token_bytes(_KEY_BYTES), sealing=dict([_new_key()]))

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
    return f"k{secrets.token_hex(4)}", secrets.token_bytes(_KEY_BYTES)


def _encode(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def _parse_key(key_id: str, encoded: str) -> bytes:
    bare = encoded.rstrip("=")
    try:
        key = base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadKeyring(f"the key {key_id} is not base64url") from None
    if len(key) != _KEY_BYTES:
        raise BadKeyring(f"the key {key_id} has {len(key)} bytes, not {_KEY_BYTES}")
    if _looks_made_up(key):
        raise BadKeyring(f"the key {key_id} is not random: make one with a generator")
    return key


def _looks_made_up(key: bytes) -> bool:
    """True for zeros, repetitions, counting and typed text; for a random key once in 2**40."""
    steps = {(after - before) % 256 for before, after in itertools.pairwise(key)}
    return len(set(key)) < 16 or len(steps) < 4 or all(32 <= byte < 127 for byte in key)


# --- the vault --------------------------------------------------------------------------------


class Vault:
    """Seals and opens for the instance. Safe to share between threads."""

    def __init__(self, keyring: Keyring) -> None:
        self._newest = next(iter(keyring.sealing))
        self._seals = {
            key_id: AESGCM(_subkey(key, "seal")) for key_id, key in keyring.sealing.items()
        }
        self._wraps = {
            key_id: AESGCM(_subkey(key, "wrap")) for key_id, key in keyring.sealing.items()
        }
        self._actors = _subkey(keyring.identity, "actor")
        self._tokens = _subkey(keyring.identity, "token")
        self._shown = Blocks(_subkey(keyring.identity, "show"))

    def __repr__(self) -> str:
        return f"Vault(newest={self._newest!r})"

    def seal(self, plain: bytes, place: str) -> bytes:
        """Seal for one place, under the newest key."""
        return self._seal(self._seals, plain, place)

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return what was sealed for this place; raise `Unreadable` for anything else."""
        return self._open(self._seals, sealed, place)

    def is_newest(self, sealed: bytes) -> bool:
        """Tell whether the newest key sealed (or wrapped) this: rotation may pass over it."""
        key_id, _ = _split(sealed)
        return key_id == self._newest

    def new_personal_key(self, user: int) -> bytes:
        """Make a person's key and return it wrapped: it opens for this user only."""
        return self._seal(self._wraps, secrets.token_bytes(_KEY_BYTES), _key_of(user))

    def personal(self, wrapped: bytes, user: int) -> PersonalKey:
        """Unwrap a person's key."""
        return PersonalKey(self._open(self._wraps, wrapped, _key_of(user)))

    def rewrap(self, wrapped: bytes, user: int) -> bytes:
        """Wrap a person's key again, under the newest key. What it seals stays as it is."""
        key = self._open(self._wraps, wrapped, _key_of(user))
        return self._seal(self._wraps, key, _key_of(user))

    def actor_key(self, network: str, actor_id: str) -> int:
        """Return an actor's unsigned 64-bit key: always the same here, meaningless elsewhere."""
        digest = hmac.digest(self._actors, f"{network}\0{actor_id}".encode(), "sha256")
        return int.from_bytes(digest[:8], "big")

    def token_hash(self, token: str) -> bytes:
        """Return what may be stored in place of a token."""
        return hmac.digest(self._tokens, token.encode(), "sha256")

    def show_id(self, kind: str, number: int) -> str:
        """Encipher a row's number for addresses and answers: 26 letters and digits."""
        return _base32(self._shown.make(kind, [number])[0])

    def read_id(self, kind: str, text: str) -> int:
        """Return the number behind `show_id`; raise `Unreadable` for other kinds and inventions."""
        try:
            block = base64.b32decode(text.upper() + "======")
        except (binascii.Error, ValueError):
            raise Unreadable from None
        if len(block) != BLOCK_BYTES or _base32(block) != text:
            raise Unreadable
        return self._shown.read(kind, [block])[0]

    def _seal(self, keys: Mapping[str, AESGCM], plain: bytes, place: str) -> bytes:
        header = bytes([_VERSION, len(self._newest)]) + self._newest.encode()
        return header + _gcm_seal(keys[self._newest], plain, header, place)

    def _open(self, keys: Mapping[str, AESGCM], sealed: bytes, place: str) -> bytes:
        key_id, header = _split(sealed)
        if key_id not in keys:
            raise Unreadable
        return _gcm_open(keys[key_id], sealed[len(header) :], header, place)


class PersonalKey:
    """The key of all that is one person's. Safe to share between threads; keep it a short time."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "PersonalKey()"

    def seal(self, plain: bytes, place: str) -> bytes:
        """Seal for one place."""
        header = bytes([_VERSION])
        return header + _gcm_seal(self._seals, plain, header, place)

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return what was sealed for this place; raise `Unreadable` for anything else."""
        header = bytes([_VERSION])
        if sealed[:1] != header:
            raise Unreadable
        return _gcm_open(self._seals, sealed[1:], header, place)

    def block(self, kind: str, number: int) -> bytes:
        """Encipher a number: 16 bytes, always the same ones, that only this person's key reads."""
        return self._blocks.make(kind, [number])[0]

    def block_all(self, kind: str, numbers: Iterable[int]) -> list[bytes]:
        """Do `block` for many numbers in one pass."""
        return self._blocks.make(kind, numbers)

    def unblock(self, kind: str, block: bytes) -> int:
        """Return the number in a block; raise `Unreadable` for another kind or person."""
        return self._blocks.read(kind, [block])[0]

    def unblock_all(self, kind: str, blocks: Iterable[bytes]) -> list[int]:
        """Do `unblock` for many blocks in one pass; one bad block makes all unreadable."""
        return self._blocks.read(kind, blocks)

    # Made when first used: most passes need only one of them. Two threads may both make one; the
    # results are the same.

    @cached_property
    def _seals(self) -> AESGCM:
        return AESGCM(_personal_subkey(self._key, "seal"))

    @cached_property
    def _blocks(self) -> Blocks:
        return Blocks(_personal_subkey(self._key, "block"))


# --- formats ----------------------------------------------------------------------------------


def _subkey(key: bytes, purpose: str) -> bytes:
    info = f"openportability {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(key)


def _personal_subkey(key: bytes, purpose: str) -> bytes:
    # A person's key is random and of full length: the extracting half of HKDF would only add time.
    info = f"openportability personal {purpose}".encode()
    return HKDFExpand(algorithm=SHA256(), length=_KEY_BYTES, info=info).derive(key)


def _key_of(user: int) -> str:
    return f"user_keys:{user}:wrapped"


def _split(sealed: bytes) -> tuple[str, bytes]:
    """Return the key id and the whole header of what the instance sealed."""
    if len(sealed) < 2 or sealed[0] != _VERSION:
        raise Unreadable
    header = sealed[: 2 + sealed[1]]
    return header[2:].decode("ascii", "replace"), header


def _gcm_seal(key: AESGCM, plain: bytes, header: bytes, place: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + key.encrypt(nonce, plain, header + place.encode())


def _gcm_open(key: AESGCM, sealed: bytes, header: bytes, place: str) -> bytes:
    nonce, ciphered = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return key.decrypt(nonce, ciphered, header + place.encode())
    except (InvalidTag, ValueError):
        raise Unreadable from None


def _base32(block: bytes) -> str:
    return base64.b32encode(block).decode().rstrip("=").lower()
