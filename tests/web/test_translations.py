from __future__ import annotations

import re
from pathlib import Path

import pytest

from openportability.web import i18n
from openportability.web.environment import TEMPLATES
from scripts import translations
from tests import catalogues

#: For those who build pages, in English.
NOT_TRANSLATED = {"patterns.html"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(translations, "LOCALES", tmp_path / "locales")
    return tmp_path / "locales"


def test_a_language_begins_with_all_texts_untranslated(folder: Path) -> None:
    assert translations.main(["add", "fr"]) == 0
    text = (folder / "fr.po").read_text(encoding="utf-8")
    assert 'msgid "There is nothing here"' in text
    assert 'msgid "You left. Your people need not be lost."' in text
    assert translations.main([]) == 1


def test_what_is_translated_stays_when_texts_are_extracted_again(folder: Path) -> None:
    translations.main(["add", "fr"])
    po = folder / "fr.po"
    blank = 'msgid "There is nothing here"\nmsgstr ""'
    text = po.read_text(encoding="utf-8")
    po.write_text(text.replace(blank, blank[:-1] + 'Il n’y a rien ici"'), encoding="utf-8")
    translations.main(["extract"])
    translations.main(["compile"])
    assert (folder / "fr.mo").is_file()
    with i18n.spoken(i18n.load_languages(folder)["fr"]):
        assert i18n.gettext("There is nothing here") == "Il n’y a rien ici"


def test_a_translation_that_invents_a_placeholder_is_refused(folder: Path) -> None:
    translations.main(["add", "fr"])
    po = folder / "fr.po"
    blank = 'msgid "There is nothing here"\nmsgstr ""'
    text = po.read_text(encoding="utf-8")
    po.write_text(text.replace(blank, blank[:-1] + '%(nobody)s"'), encoding="utf-8")
    complaints = list(translations.complaints(translations.extracted()))
    assert "fr.po: other placeholders: There is nothing here" in complaints


@pytest.mark.parametrize(
    ("english", "other", "complaint"),
    [
        ("%(handle)s is now linked.", "C’est relié.", "other placeholders"),
        ("%(handle)s is now linked.", "%(handle)s, %(handle)s", "other placeholders"),
        ("There is nothing here", "<b>Rien</b>", "markup"),
    ],
)
def test_a_translation_that_loses_a_placeholder_or_is_markup_is_refused(
    folder: Path, english: str, other: str, complaint: str
) -> None:
    translations.main(["add", "fr"])
    po = folder / "fr.po"
    text = po.read_text(encoding="utf-8")
    blank = re.search(rf'msgid "{re.escape(english)}"\nmsgstr ""', text)
    assert blank
    po.write_text(text.replace(blank[0], f'{blank[0][:-1]}{other}"'), encoding="utf-8")
    complaints = list(translations.complaints(translations.extracted()))
    assert f"fr.po: {complaint}: {english}" in complaints


@pytest.mark.parametrize(
    ("code", "other"),
    [
        ("de", r"\b(du|dein\w*|dir|dich)\b"),
        ("fr", r"\b(tu|ton|tes|toi)\b"),
        ("pt", r"\b(tu|teus?|tuas?|ti|contigo)\b"),
        ("es", r"\b(usted|ustedes)\b"),
    ],
)
def test_a_person_is_spoken_to_in_one_way(code: str, other: str) -> None:
    spoken = [text for _, text in catalogues.texts(code)]
    assert spoken
    assert [one for one in spoken if re.search(other, one, re.IGNORECASE)] == []


def test_every_language_says_everything() -> None:
    assert list(i18n.load_languages()) == ["en", "ar", "de", "es", "fr", "it", "pt", "sv"]
    assert list(translations.complaints(translations.extracted())) == []


@pytest.mark.parametrize(
    "path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_no_word_of_a_template_stands_outside_the_catalogues(path: Path) -> None:
    if path.name in NOT_TRANSLATED:
        return
    assert catalogues.untranslated(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "template",
    [
        "<p>Hello</p>",
        "{% if x %}<b>{{ x }} people</b>{% endif %}",
        '<a title="Hello" href="/">{{ x }}</a>',
        '<input aria-label="Your name">',
        '{{ ui.button("Go on") }}',
        '{% call ui.card("A card") %}{% endcall %}',
        '{{ ui.notice("note", _("Well"), title="Look here") }}',
    ],
)
def test_a_word_outside_the_catalogues_is_seen(template: str) -> None:
    assert catalogues.untranslated(template)


def test_what_is_counted_has_a_form_for_one() -> None:
    """`Lines: 1` is right for every number, `1 lines` for no language."""
    counted = re.compile(r"%\((count|days)\)s (?!on your way)[a-z]")
    never_one = {
        "You have %(count)s tokens already",
        "No more than %(count)s people can be chosen by hand. Those beyond are not chosen: go on with these first.",
    }
    said = {one.id for one in translations.extracted() if isinstance(one.id, str)}
    assert {text for text in said if counted.search(text)} == never_one


def test_french_signs_do_not_begin_a_line() -> None:
    apart = re.compile(r" [?!;:»]|« ")
    assert [french for _, french in catalogues.texts("fr") if apart.search(french)] == []
