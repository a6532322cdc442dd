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
import secrets
from collections.abc import Callable, Iterable
from functools import cached_property

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from openportability.blocks import BLOCK_BYTES, Blocks, Unreadable
from openportability.keyring import KEY_BYTES, BadKeyring, Keyring

__all__ = ["BadKeyring", "Keyring", "PersonalKey", "Unreadable", "Vault"]

_VERSION = 1
_NONCE_BYTES = 12
#: How everything begins that a person seals.
_HEADER = bytes([_VERSION])


# --- the vault --------------------------------------------------------------------------------


class Vault:
    """Seals and opens for the instance. Safe to share between threads."""

    def __init__(
        self, keyring: Keyring, newer: Callable[[bool], Keyring | None] | None = None
    ) -> None:
        """Take the keys of a ring. `newer` is asked for another one before each seal, and with True
        for a key that is missing; it answers None while there is none.
        """
        self._newer = newer
        self._keys = _Keys(keyring)
        self._actors = _subkey(keyring.identity, "actor")
        self._tokens = _subkey(keyring.identity, "token")
        self._signer = Ed25519PrivateKey.from_private_bytes(_subkey(keyring.identity, "receipt"))
        self._shown = Blocks(_subkey(keyring.identity, "show"))

    def __repr__(self) -> str:
        return f"Vault(newest={self._keys.newest!r})"

    @property
    def ring(self) -> Keyring:
        """All keys, for another process of ours: it is the whole secret of the instance."""
        return self._keys.ring

    def seal(self, plain: bytes, place: str) -> bytes:
        """Seal for one place, under the newest key."""
        return self._seal("seal", plain, place)

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return what was sealed for this place; raise `Unreadable` for anything else."""
        return self._open("seal", sealed, place)

    def seal_again(self, sealed: bytes, place: str) -> bytes:
        """Seal what was sealed for this place under the newest key."""
        return self.seal(self.open(sealed, place), place)

    def is_newest(self, sealed: bytes) -> bool:
        """Tell whether the newest key sealed (or wrapped) this: rotation may pass over it."""
        return sealed.startswith(self.newest_header())

    def newest_header(self) -> bytes:
        """Return how everything begins that the newest key sealed or wrapped."""
        return _header(self._keys.newest)

    def new_personal_key(self, user: int) -> bytes:
        """Make a person's key and return it wrapped: it opens for this user only."""
        return self._seal("wrap", secrets.token_bytes(KEY_BYTES), _key_of(user))

    def personal(self, wrapped: bytes, user: int) -> PersonalKey:
        """Unwrap a person's key."""
        return PersonalKey(self._open("wrap", wrapped, _key_of(user)))

    def rewrap(self, wrapped: bytes, user: int) -> bytes:
        """Wrap a person's key again, under the newest key. What it seals stays as it is."""
        key = self._open("wrap", wrapped, _key_of(user))
        return self._seal("wrap", key, _key_of(user))

    def actor_key(self, network: str, actor_id: str) -> int:
        """Return an actor's unsigned 64-bit key: always the same here, meaningless elsewhere."""
        digest = hmac.digest(self._actors, f"{network}\0{actor_id}".encode(), "sha256")
        return int.from_bytes(digest[:8], "big")

    def token_hash(self, token: str) -> bytes:
        """Return what may be stored in place of a token."""
        return hmac.digest(self._tokens, token.encode(), "sha256")

    def sign(self, text: bytes) -> bytes:
        """Sign what anybody may check later, with a key that hangs on the identity."""
        return self._signer.sign(text)

    def is_signed(self, text: bytes, signature: bytes) -> bool:
        """Say whether `sign` made this signature for this text."""
        try:
            self._signer.public_key().verify(signature, text)
        except InvalidSignature:
            return False
        return True

    def public_key(self) -> bytes:
        """Return the key (Ed25519, 32 bytes) with which signatures are checked elsewhere."""
        return self._signer.public_key().public_bytes_raw()

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

    def _seal(self, purpose: str, plain: bytes, place: str) -> bytes:
        self._look(missing=False)
        keys = self._keys
        header = _header(keys.newest)
        return header + _gcm_seal(keys.of[purpose, keys.newest], plain, header, place)

    def _open(self, purpose: str, sealed: bytes, place: str) -> bytes:
        key_id, header = _split(sealed)
        if (purpose, key_id) not in self._keys.of:
            self._look(missing=True)
        if (purpose, key_id) not in self._keys.of:
            raise Unreadable
        return _gcm_open(
            self._keys.of[purpose, key_id], memoryview(sealed)[len(header) :], header, place
        )

    def _look(self, *, missing: bool) -> None:
        ring = self._newer(missing) if self._newer else None
        if ring is not None:
            self._keys = _Keys(ring)


class _Keys:
    """The sealing keys of a ring, ready for use; replaced as a whole."""

    def __init__(self, ring: Keyring) -> None:
        self.ring = ring
        self.newest = next(iter(ring.sealing))
        self.of = {
            (purpose, key_id): AESGCM(_subkey(key, purpose))
            for key_id, key in ring.sealing.items()
            for purpose in ("seal", "wrap")
        }


class PersonalKey:
    """The key of all that is one person's. Safe to share between threads; keep it a short time."""

    #: What is sealed is so many bytes longer than what it was.
    GROWS = 1 + _NONCE_BYTES + 16

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._seals = AESGCM(_personal_subkey(key, "seal"))

    def __repr__(self) -> str:
        return "PersonalKey()"

    def seal(self, plain: bytes, place: str) -> bytes:
        """Seal for one place."""
        return _HEADER + _gcm_seal(self._seals, plain, _HEADER, place)

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return what was sealed for this place; raise `Unreadable` for anything else."""
        if sealed[:1] != _HEADER:
            raise Unreadable
        return _gcm_open(self._seals, memoryview(sealed)[1:], _HEADER, place)

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

    # Made when first used: few need it. Two threads may both make one; the results are the same.

    @cached_property
    def _blocks(self) -> Blocks:
        return Blocks(_personal_subkey(self._key, "block"))


# --- formats ----------------------------------------------------------------------------------


def _subkey(key: bytes, purpose: str) -> bytes:
    info = f"openportability {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(key)


def _personal_subkey(key: bytes, purpose: str) -> bytes:
    # A person's key is random and of full length: the extracting half of HKDF would only add time.
    # Of the expanding half one block is enough, which is this (RFC 5869, section 2.3).
    return hmac.digest(key, f"openportability personal {purpose}".encode() + b"\x01", "sha256")


def _key_of(user: int) -> str:
    return f"user_keys:{user}:wrapped"


def _header(key_id: str) -> bytes:
    return bytes([_VERSION, len(key_id)]) + key_id.encode()


def _split(sealed: bytes) -> tuple[str, bytes]:
    """Return the key id and the whole header of what the instance sealed."""
    if len(sealed) < 2 or sealed[0] != _VERSION:
        raise Unreadable
    header = sealed[: 2 + sealed[1]]
    return header[2:].decode("ascii", "replace"), header


def _gcm_seal(key: AESGCM, plain: bytes, header: bytes, place: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + key.encrypt(nonce, plain, header + place.encode())


def _gcm_open(key: AESGCM, sealed: memoryview, header: bytes, place: str) -> bytes:
    try:
        return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], header + place.encode())
    except (InvalidTag, ValueError):
        raise Unreadable from None


def _base32(block: bytes) -> str:
    return base64.b32encode(block).decode().rstrip("=").lower()
