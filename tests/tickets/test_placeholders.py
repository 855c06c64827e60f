"""The restricted renderer: named variables and blocks, nothing that runs (R-131, A04)."""

import pytest

from tickets.placeholders import TemplateError, check, render


@pytest.mark.parametrize(
    "text",
    [
        "{{ticket.__class__}}", "{{ticket}}", "{{7*7}}", "{{contact.first_name|safe}}", "{% load x %}", "{{ }}",
        "{{ticket.protocol", "[[if nobody]]x[[end]]", "[[if has_oncall]]x", "x[[end]]", "{{request.user}}",
    ],
)  # fmt: skip
def test_an_unknown_or_broken_text_is_refused_at_save(text):
    #
    with pytest.raises(TemplateError):
        check(text)


def test_known_variables_blocks_and_fallbacks():
    #
    text = "Olá, {{contact.first_name}}.[[if has_oncall]] Plantão.[[end]][[if not has_oncall]] Topo da fila.[[end]]"
    check(text)
    assert render(text, {}) == "Olá, cliente. Topo da fila."
    assert (
        render(text, {"contact.first_name": "Marina"}, conditions=frozenset({"has_oncall"}))
        == "Olá, Marina. Plantão."
    )


def test_values_are_never_interpreted_again():
    # A04
    value = "{{ticket.protocol}} [[end]] {% if %} <a href=//evil.example>x</a>"
    assert render("{{contact.name}}", {"contact.name": value, "ticket.protocol": "26-1"}) == value


def test_a_footer_line_without_its_value_is_left_out():
    footer = "{{agent.name}} — {{department.name}}\nDúvidas comuns: {{portal.faq_url}}\nFim"
    assert render(footer, {"department.name": "Suporte"}) == " — Suporte\nFim"
