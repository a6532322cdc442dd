from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from openportability.web import i18n

FRENCH = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\\n"

msgid "About OpenPortability"
msgstr "À propos d’OpenPortability"

msgid "There is nothing here"
msgstr "Il n’y a rien ici"

msgid "%(count)s person"
msgid_plural "%(count)s people"
msgstr[0] "%(count)s personne"
msgstr[1] "%(count)s personnes"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fr.po").write_text(FRENCH)
    (tmp_path / "ar.po").write_text('msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8"\n')
    return tmp_path


@pytest.fixture
def speaking(app: FastAPI, client: TestClient, folder: Path) -> TestClient:
    """The shell with French and Arabic added."""
    app.state.languages = i18n.load_languages(folder)
    return client


def test_a_language_is_a_catalogue_in_a_folder(folder: Path) -> None:
    languages = i18n.load_languages(folder)
    assert list(languages) == ["en", "ar", "fr"]
    assert languages["fr"].name == "Français"
    assert languages["ar"].direction == "rtl"


def test_a_compiled_catalogue_is_used_while_it_is_newer(folder: Path) -> None:
    compiled = folder / "fr.mo"
    compiled.write_bytes(i18n.compile_catalogue(folder / "fr.po"))
    (folder / "fr.po").write_text(FRENCH.replace("rien ici", "plus rien"))
    newest = compiled.stat().st_mtime + 5
    for path, shown in ((compiled, "Il n’y a rien ici"), (folder / "fr.po", "Il n’y a plus rien")):
        newest += 5
        os.utime(path, (newest, newest))
        with i18n.spoken(i18n.load_languages(folder)["fr"]):
            assert i18n.gettext("There is nothing here") == shown


def test_the_address_says_the_language_and_it_is_kept(speaking: TestClient) -> None:
    assert "À propos d’OpenPortability" in speaking.get("/fr/about").text
    assert "À propos d’OpenPortability" in speaking.get("/about").text
    assert "About OpenPortability" in speaking.get("/en/about").text
    assert "About OpenPortability" in speaking.get("/about").text


def test_the_browser_says_the_language_where_nothing_was_chosen(speaking: TestClient) -> None:
    french = {"Accept-Language": "pt, fr-CA;q=0.8, en;q=0.5"}
    assert '<html lang="fr" dir="ltr">' in speaking.get("/about", headers=french).text


def test_arabic_runs_from_right_to_left(speaking: TestClient) -> None:
    assert '<html lang="ar" dir="rtl">' in speaking.get("/ar/about").text


def test_an_error_speaks_the_language_too(speaking: TestClient) -> None:
    assert "Il n’y a rien ici" in speaking.get("/fr/nowhere").text


def test_the_same_page_is_offered_in_each_language(speaking: TestClient) -> None:
    text = speaking.get("/fr/about?a=1&b=2").text
    assert 'href="/ar/about?a=1&amp;b=2"' in text


def test_a_path_that_only_looks_like_a_language_is_left_alone(speaking: TestClient) -> None:
    assert speaking.get("/from/about").status_code == 404
    assert speaking.get("/de/about").status_code == 404


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("fr;q=0, ar", "ar"),
        ("fr;q=0.1, ar;q=0.2", "ar"),
        ("*", "en"),
        ("fr;q=nonsense, ,;;", "en"),
        ("a" * 5000, "en"),
    ],
)
def test_accept_language_is_read_with_care(folder: Path, accepted: str, chosen: str) -> None:
    languages = i18n.load_languages(folder)
    assert i18n.choose(languages, kept=None, accepted=accepted).code == chosen
    assert i18n.choose(languages, kept="xx", accepted=accepted).code == chosen
    assert i18n.choose(languages, kept="fr", accepted=accepted).code == "fr"


def test_numbers_dates_and_plurals_follow_the_language(folder: Path) -> None:
    moment = datetime(2026, 3, 9, 17, 5, tzinfo=UTC)
    assert i18n.date_time(moment).replace("\u202f", " ") == "Mar 9, 2026, 5:05 PM UTC"
    with i18n.spoken(i18n.load_languages(folder)["fr"]):
        assert i18n.number(12345).replace("\u202f", " ") == "12 345"
        assert i18n.ngettext("%(count)s person", "%(count)s people", 2) == "2 personnes"
        assert i18n.date(moment) == "9 mars 2026"
        assert i18n.duration(timedelta(hours=3)).replace("\xa0", " ") == "3 heures"
