"""Plain rows are taken many at a time: whatever is among them, the list read is the same."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from openportability.archives.archive import Archive
from openportability.archives.plain import PlainRows
from openportability.domain import Kind
from openportability.errors import Invalid
from openportability.networks.x.archive import ARCHIVE
from tests.archives.corpus import row
from tests.archives.reading import read
from tests.examples import few

ROWS = PlainRows(ARCHIVE, "following", 100)
#: Read by nobody, but no plain row: what stands behind it goes through the JSON reader.
ODD = b'{"following":{"accountId":"0"}},'

BLANKS = st.sampled_from(["", " ", "\n    ", "\t\r\n", " " * 41])
LINKS = st.sampled_from(["", "https://x.com/intent/user?user_id=5", '\\"', "é", "\x7f", "x" * 900])
ODD_ROWS = st.sampled_from(
    [
        "{}",
        "7",
        "null",
        '{"following":{"accountId":"01"}}',
        '{"following":{"accountId":"18446744073709551615"}}',
        '{"following":{"accountId":"99999999999999999999"}}',
        '{"following":{"accountId":"1","accountId":"2"}}',
        '{"following":{"accountId":"1"},"x":{"following":{"accountId":"2"}}}',
        '{"x":[{"following":{"accountId":"3"}},{"following":{"accountId":"4"}}]}',
        '{"following":{"accountId":"1"}',
        "",
    ]
)


@st.composite
def plain_rows(draw: st.DrawFn) -> str:
    blank, number = draw(BLANKS), draw(st.integers(1, 10**19))
    link = draw(st.none() | LINKS)
    more = "" if link is None else f',{blank}"userLink"{blank}:{blank}"{link}"'
    return f'{blank}{{{blank}"following"{blank}:{{"accountId":"{number}"{more}}}{blank}}}{blank}'


def outcome(body: bytes) -> Archive | str:
    try:
        return read(("following.js", body))
    except Invalid as error:
        return error.code


@given(plain_rows(), st.lists(st.one_of(plain_rows(), plain_rows(), ODD_ROWS)), BLANKS)
@few(100)
def test_the_rows_in_front_are_read_as_those_behind_an_odd_one(
    first: str, rows: list[str], end: str
) -> None:
    body = (",".join([first, *rows]) + end + "]").encode()
    fast, slow = outcome(b"[" + body), outcome(b"[" + ODD + body)
    if isinstance(fast, str) or isinstance(slow, str):
        assert fast == slow
        return
    (here,), (there,) = fast.files, slow.files
    assert fast.lists[Kind.FOLLOWING].tolist() == slow.lists[Kind.FOLLOWING].tolist()
    assert (here.count + 1, here.skipped + 1) == (there.count, there.skipped)
    assert here.duplicates == there.duplicates


def test_wherever_a_text_is_cut_the_same_rows_are_taken() -> None:
    text = json.dumps([row("following", number) for number in range(1, 6)], indent=2).encode()[1:]
    whole, _ = ROWS.take(text)
    assert whole == [b"1", b"2", b"3", b"4"]
    for at in range(len(text)):
        first, taken = ROWS.take(text[:at])
        second, _ = ROWS.take(text[taken:])
        assert first + second == whole
