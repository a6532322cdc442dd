"""Numbers enciphered as one block each: the same number is the same block, an invented block is noticed."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import ECB

BLOCK_BYTES = 16


class Unreadable(Exception):
    """The value was not sealed here, for this place, with a key we still have."""


class Blocks:
    """One AES block for each number: half of it says the kind, so an invented block is noticed."""

    def __init__(self, key: bytes) -> None:
        # ECB is right for this alone: each block is a message of its own, to come out the same.
        self._cipher = Cipher(AES256(key), ECB())  # noqa: S305 - see above

    def make(self, kind: str, numbers: Iterable[int]) -> list[bytes]:
        tag = _tag(kind)
        plain = b"".join([tag + number.to_bytes(8, "big") for number in numbers])
        ciphered = self._cipher.encryptor().update(plain)
        return [ciphered[at : at + BLOCK_BYTES] for at in range(0, len(ciphered), BLOCK_BYTES)]

    def read(self, kind: str, blocks: Iterable[bytes]) -> list[int]:
        blocks = list(blocks)
        if any(len(block) != BLOCK_BYTES for block in blocks):
            raise Unreadable
        plain = self._cipher.decryptor().update(b"".join(blocks))
        pairs = list(struct.iter_unpack(">8sQ", plain))
        tag = _tag(kind)
        if any(found != tag for found, _ in pairs):
            raise Unreadable
        return [number for _, number in pairs]


def _tag(kind: str) -> bytes:
    return hashlib.sha256(kind.encode()).digest()[:8]
