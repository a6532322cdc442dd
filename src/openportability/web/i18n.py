"""The language of a request: catalogues, plurals, numbers, dates.

A language exists when `locales/<code>.po` does; English is the text itself. A compiled `.mo`
beside it is used while it is newer, else the `.po` is compiled in memory once, at start. The
language being spoken is a context variable: `gettext` needs no request, wherever it is called.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale, dates, numbers
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

LOCALES = Path(__file__).parent / "locales"
#: The language in which our texts are written.
SOURCE = "en"


@dataclass(frozen=True, kw_only=True)
class Language:
    """One language in which pages are spoken."""

    code: str
    #: Its name in itself.
    name: str
    #: `ltr` or `rtl`.
    direction: str
    locale: Locale
    catalogue: NullTranslations


def load_languages(folder: Path = LOCALES) -> Mapping[str, Language]:
    """Return the languages of a folder of catalogues by code, English first."""
    codes = [SOURCE, *sorted(path.stem for path in folder.glob("*.po") if path.stem != SOURCE)]
    return {code: _load(folder / f"{code}.po") for code in codes}


def compile_catalogue(po: Path) -> bytes:
    """Return the compiled form of a catalogue."""
    return _compiled(po.read_bytes(), po.stem)


def _compiled(source: bytes, locale: str) -> bytes:
    compiled = BytesIO()
    write_mo(compiled, read_po(BytesIO(source), locale=locale))
    return compiled.getvalue()


#: Of the language that our texts are written in.
_AS_WRITTEN = NullTranslations()


@cache
def _read(source: bytes, locale: str) -> NullTranslations:
    """Compile and read a catalogue; the same text once in a process, for that takes a while."""
    return Translations(BytesIO(_compiled(source, locale)))


def _load(po: Path) -> Language:
    locale = Locale.parse(po.stem, sep="-")
    catalogue = _AS_WRITTEN
    mo = po.with_suffix(".mo")
    if mo.exists() and mo.stat().st_mtime >= po.stat().st_mtime:
        catalogue = Translations(BytesIO(mo.read_bytes()))
    elif po.exists():
        catalogue = _read(po.read_bytes(), po.stem)
    return Language(
        code=po.stem,
        name=(locale.get_display_name(po.stem) or po.stem).capitalize(),
        direction=locale.text_direction,
        locale=locale,
        catalogue=catalogue,
    )


# --- which language ---------------------------------------------------------------------------

ENGLISH = _load(LOCALES / f"{SOURCE}.po")
_spoken: ContextVar[Language] = ContextVar("spoken", default=ENGLISH)


def speaking() -> Language:
    """Return the language of the request being answered."""
    return _spoken.get()


def speak(language: Language) -> None:
    """Answer in this language from here on, in this request."""
    _spoken.set(language)


@contextmanager
def spoken(language: Language) -> Iterator[None]:
    """Speak a language for a while: mails, tests."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def split_prefix(path: str, languages: Iterable[str]) -> tuple[str | None, str]:
    """Return the language that a path begins with, if any, and the path without it."""
    first, _, rest = path.removeprefix("/").partition("/")
    return (first, f"/{rest}") if first in languages else (None, path)


def choose(languages: Mapping[str, Language], *, kept: str | None, accepted: str) -> Language:
    """Return the language that a person kept, else the best of what their browser accepts."""
    if kept and kept in languages:
        return languages[kept]
    for code in _by_preference(accepted):
        for candidate in (code, code.partition("-")[0]):
            if candidate in languages:
                return languages[candidate]
    return languages[SOURCE]


def _by_preference(accepted: str) -> list[str]:
    """Read an Accept-Language header, best first; what cannot be read counts as nothing."""
    ranked: list[tuple[float, int, str]] = []
    for item in accepted[:1000].split(","):
        found = re.fullmatch(r"\s*([A-Za-z-]{2,20})\s*(?:;\s*q=([01](?:\.\d{1,3})?))?\s*", item)
        if found and float(found[2] or 1) > 0:
            ranked.append((-float(found[2] or 1), len(ranked), found[1].lower()))
    return [code for _, _, code in sorted(ranked)]


# --- words ------------------------------------------------------------------------------------


def gettext(message: str, /, **values: object) -> str:
    """Return a message in the language being spoken, its `%(name)s` filled in."""
    text = speaking().catalogue.gettext(message)
    return text % values if values else text


def ngettext(one: str, many: str, count: int, /, **values: object) -> str:
    """Return the form of a message that fits a count, which is also `%(count)s`."""
    return speaking().catalogue.ngettext(one, many, count) % {"count": number(count), **values}


def looked_up(message: str) -> str:
    """Return a message as it stands in the catalogue; templates fill it in themselves."""
    return speaking().catalogue.gettext(message)


def looked_up_plural(one: str, many: str, count: int) -> str:
    """Return the form for a count as it stands in the catalogue."""
    return speaking().catalogue.ngettext(one, many, count)


def to_translate(message: str) -> str:
    """Mark a text for the catalogues where it stands; it is translated where it is shown."""
    return message


# --- numbers and times ------------------------------------------------------------------------


def number(value: float) -> str:
    """Write a number as the language does."""
    return numbers.format_decimal(value, locale=speaking().locale)


def percent(value: float) -> str:
    """Write a share of one as the language does."""
    return numbers.format_percent(value, locale=speaking().locale)


def date(value: dt.date) -> str:
    """Write a day in UTC."""
    return dates.format_date(value, format="long", locale=speaking().locale)


def weekday(value: dt.date) -> str:
    """Write which day of the week it is, in UTC."""
    return dates.format_date(value, format="EEEE", locale=speaking().locale)


def date_time(value: datetime) -> str:
    """Write a day and time in UTC; `ui.when` lets the browser turn it into the person's own."""
    locale = speaking().locale
    day = dates.format_date(value, format="medium", locale=locale)
    time = dates.format_time(value, format="short", locale=locale)
    # The comma between them is another one in some languages.
    joined = str(dates.get_datetime_format("medium", locale=locale)).replace("'", "")
    return f"{joined.format(time, day)} UTC"


def duration(value: timedelta) -> str:
    """Write about how long something takes."""
    return dates.format_timedelta(value, threshold=1.2, locale=speaking().locale)


FILTERS: Mapping[str, Callable[..., str]] = {
    "number": number,
    "percent": percent,
    "date": date,
    "date_time": date_time,
    "duration": duration,
}
