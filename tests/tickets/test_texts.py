"""Texts of section D are data in two languages under the same keys, and none of them is a gettext string (R-413)."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.utils import translation

from helpdesk.management.commands.messages import extracted
from tickets.models import Department, SystemText
from tickets.permissions import DATA
from tickets.placeholders import check
from tickets.presets import TEXTS_IN_USE, english_names, load_preset, preset

LANGUAGES = ("pt-br", "en")
PRESETS = ("essencial", "software_e_campo")
SAME_IN_BOTH = {"id", "template", "type", "template_after_window", "offset"}
SHORT = 12  # shorter ones are plain words (Portal, E-mail, Yes) that a screen may use too


def read(name: str) -> dict[str, Any]:
    return yaml.safe_load((DATA / name).read_text(encoding="utf-8"))


def system_texts(language: str) -> dict[str, Any]:
    return read(f"system_texts.{language}.yaml")


def shape(value: Any) -> Any:
    """Return a structure without its words: keys, lengths and, in lists of rows, what programs look up."""
    if isinstance(value, dict):
        return {key: value[key] if key in SAME_IN_BOTH else shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value).__name__


def words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from words(each)
    elif isinstance(value, list):
        for each in value:
            yield from words(each)
    elif isinstance(value, str):
        yield value


def test_both_languages_have_the_same_keys():
    #
    portuguese, english = (system_texts(language) for language in LANGUAGES)
    assert shape(english) == shape(portuguese)
    assert set(english["system_texts"]) >= set(TEXTS_IN_USE) - {"cabecalho_email"}
    assert english["csat"]["ask_after"] == portuguese["csat"]["ask_after"]
    assert english["csat"]["text"] == portuguese["csat"]["text"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_passes_the_check_at_save(language):
    #
    texts = list(words(system_texts(language)))
    assert len(texts) > 60
    for text in texts:
        check(text)


def placeholders(text: str) -> set[str]:
    return {part.split("}}")[0].strip() for part in text.split("{{")[1:]} | {
        part.split("]]")[0] for part in text.split("[[")[1:]
    }


def test_both_languages_name_the_same_variables():
    # a translation that drops the protocol or the link is no translation
    portuguese, english = (system_texts(language) for language in LANGUAGES)
    for section in ("system_texts", "reminders"):
        pairs = zip(words(portuguese[section]), words(english[section]), strict=True)
        assert [placeholders(one) for one, _two in pairs] == [
            placeholders(two) for two in words(english[section])
        ]


def test_no_text_is_left_untranslated():
    portuguese, english = (system_texts(language) for language in LANGUAGES)
    for section in ("system_texts", "receipt_reasons"):
        assert not set(words(portuguese[section])) & set(words(english[section]))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_have_english_names_under_the_same_keys(name):
    #
    rows, english = preset(name), read("presets.en.yaml")[name]
    assert list(english["departments"]) == [row["key"] for row in rows["departments"]]
    assert list(english["channel_policies"]) == [row["kind"] for row in rows["channel_policies"]]
    assert all(set(row) == {"name", "handles"} for row in english["departments"].values())
    assert all(set(row) == {"name", "purpose"} for row in english["channel_policies"].values())
    assert all(words(english))
    assert set(read("presets.en.yaml")) == set(PRESETS) == set(read("presets.yaml")["presets"])


def test_no_text_of_the_data_is_a_gettext_string():
    # texts of section D are rows, edited on screen; the catalogue holds the interface only
    interface: set[str] = set()
    for _context, key in extracted():
        interface |= set(key) if isinstance(key, tuple) else {key}
    assert len(interface) > 500
    data = {text for language in LANGUAGES for text in words(system_texts(language))}
    data |= set(words(read("presets.en.yaml"))) | {text for name in PRESETS for text in words(preset(name))}
    assert not {text for text in data if len(text) > SHORT and " " in text} & interface


@pytest.mark.django_db
@pytest.mark.parametrize("name", PRESETS)
def test_loading_a_preset_gives_departments_both_names(name):
    load_preset(name)
    names = dict(Department.objects.values_list("key", "name_en"))
    assert names == english_names(name)
    support = Department.objects.get(key="suporte")
    with translation.override("en"):
        assert support.label == "Support"
    with translation.override("pt-br"):
        assert support.label == {"essencial": "Suporte", "software_e_campo": "Suporte Técnico"}[name]


@pytest.mark.django_db
def test_every_text_in_use_is_a_row_in_both_languages():
    # loading again changes nothing the company wrote
    load_preset()
    rows = SystemText.objects.exclude(text="").values_list("key", "language")
    assert set(rows) == {
        (key, language) for key in TEXTS_IN_USE if key != "cabecalho_email" for language in LANGUAGES
    }
    SystemText.objects.filter(key="auto_padrao", language="en").update(text="Got it.")
    load_preset()
    assert SystemText.objects.get(key="auto_padrao", language="en").text == "Got it."
