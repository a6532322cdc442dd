"""What a network says about itself."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from urllib.parse import parse_qs, urlsplit

from openportability.domain import Kind
from tests.networks.promises.promise import (
    promise,
)
from tests.networks.subject import Can, Subject


@promise()
def its_logo_is_a_drawing_that_takes_the_colour_of_the_text(subject: Subject) -> None:
    drawing = ET.fromstring(subject.network.logo)
    assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    assert "viewBox" in drawing.attrib
    assert not {"width", "height"} & drawing.attrib.keys()
    assert "currentColor" in subject.network.logo
    for part in drawing.iter():
        assert part.tag.rpartition("}")[2] not in {"script", "style", "foreignObject", "image"}
        assert not [name for name in part.attrib if name.startswith("on") or name == "style"]


@promise()
def its_words_say_what_happened_and_what_to_do(subject: Subject) -> None:
    for code, (happened, next_step) in subject.network.words.items():
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", code), code
        assert happened.strip(), code
        assert next_step.strip(), code


@promise()
def its_pages_have_paths_of_their_own(subject: Subject) -> None:
    paths = [document.path for document in subject.network.documents]
    assert len(paths) == len(set(paths))
    assert all(path.startswith("/") and "?" not in path for path in paths)


@promise()
def an_actor_has_a_page_to_read(subject: Subject) -> None:
    assert re.match(r"https?://[^/]+/", subject.network.profile_url(subject.person()))


@promise()
def a_text_can_be_read_before_it_is_posted(subject: Subject) -> None:
    compose = subject.network.compose_url
    if compose is None:
        return  # a network need not have such a page
    text = "Found again & well: https://op.example/?a=b#c"
    address = urlsplit(compose(subject.person(), text))
    assert address.scheme in {"http", "https"}
    assert parse_qs(address.query)["text"] == [text]


@promise(Can.ARCHIVE)
def its_archive_is_described_well(subject: Subject) -> None:
    assert subject.network.source
    form = subject.network.source.archive
    assert form
    stems = [entry.stem for entry in form.lists]
    assert len(stems) == len(set(stems))
    kinds = [entry.kind for entry in form.lists]
    assert {Kind.FOLLOWING, Kind.FOLLOWERS} <= set(kinds)
    for entry in form.lists:
        assert entry.opt_in == (entry.kind in {Kind.BLOCKED, Kind.MUTED})
    assert form.owner_stem not in stems
    for pattern in form.classic:
        re.compile(pattern)
    assert form.request_url.startswith(("https://", "http://127.0.0.1"))
