"""Decides how a form field looks in the set-up room: the design's classes on Django's own widgets."""

from django import forms, template
from django.forms.boundfield import BoundField
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def is_check(bound: BoundField) -> bool:
    """Whether the field is one box to tick: its label stands behind it."""
    return isinstance(bound.field.widget, forms.CheckboxInput)


@register.filter
def control(bound: BoundField) -> SafeString:
    """Draw the field with the design's class; Django adds what screen readers need."""
    return bound.as_widget(attrs={} if is_check(bound) else {"class": "input"})
