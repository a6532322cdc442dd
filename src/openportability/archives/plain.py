"""Rows such as nearly all are, taken off the beginning of a list many at a time.

The pattern takes only what the JSON reader would read in the same way. The first row of another
form ends it, and from that row on the JSON reader goes through the list, which is four times the work.
"""

from __future__ import annotations

import re

from openportability.network import ArchiveFormat

#: Bounded: a row that is mostly blanks is a matter for the JSON reader, which knows when to stop.
_BLANKS = rb"[ \t\r\n]{0,40}+"
#: As many digits as any number of 64 bits may have; the few with one more are looked at one by one.
_ID = rb'"([1-9][0-9]{0,18})"'
#: What needs no decoding in a JSON text, and is no bracket: those are counted where they stand.
_LETTER = rb"[ !#-Z\]-~]"


class PlainRows:
    """Finds rows that are an id and perhaps a link, in the names of one list."""

    def __init__(self, form: ArchiveFormat, wrapper: str, longest_link: int) -> None:
        link = (b",", _name(form.link_field), b":", b'"%s{0,%d}+"' % (_LETTER, longest_link))
        row = (b"", rb"\{", _name(wrapper), b":", rb"\{", _name(form.id_field), b":", _ID)
        # What follows must be a row as well: the last one is left, for it shows how the list ends.
        behind = (rb"\}", rb"\}", b",(?=" + _BLANKS + rb"\{)")
        maybe_link = b"(?:" + _BLANKS.join(link) + _BLANKS + b")?+"
        pattern = _BLANKS.join([*row, maybe_link + behind[0], *behind[1:]])
        self._row = re.compile(pattern)
        self._run = re.compile(b"(?:" + pattern + b")*+")

    def take(self, text: bytes) -> tuple[list[bytes], int]:
        """Return the ids of the rows that `text` begins with, and where what is left begins."""
        parts = self._row.split(text)
        between, ids = parts[:-1:2], parts[1::2]
        if not any(between):
            return ids, len(text) - len(parts[-1])
        run = self._run.match(text)
        assert run is not None  # it can be empty
        return ids[: next(at for at, odd in enumerate(between) if odd)], run.end()


def _name(name: str) -> bytes:
    return b'"%s"' % re.escape(name).encode()
