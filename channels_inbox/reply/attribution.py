"""Decide whether lines are an attribution («Em 17/11/2026 09:41, Fulano <x@y> escreveu:»)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from channels_inbox.reply.lines import Line

#: A client wraps the line at 70 to 80 columns; with a long name and address it takes four.
MAX_LINES = 4
MAX_CHARS = 500

_MONTH = (
    r"(?:jan(?:eiro|uary)?|fev(?:ereiro)?|feb(?:ruary|rero)?|mar(?:ço|co|ch|zo)?|abr(?:il)?|apr(?:il)?|mai(?:o)?"
    r"|may(?:o)?|jun(?:ho|e|io)?|jul(?:ho|y|io)?|ago(?:sto)?|aug(?:ust)?|set(?:embro)?|sept?(?:ember|tiembre|iembre)?"
    r"|out(?:ubro)?|oct(?:ober|ubre)?|nov(?:embro|ember|iembre)?|dez(?:embro)?|dic(?:iembre)?|dec(?:ember)?"
    r"|ene(?:ro)?)"
)
_WEEKDAY = (
    r"(?:(?:segunda|terça|terca|quarta|quinta|sexta)(?:[ -]?feira)?|s[áa]bado|domingo|seg|ter|qua|qui|sex|s[áa]b|dom"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun"
    r"|lunes|martes|mi[ée]rcoles|jueves|viernes|lun|mar|mi[ée]|jue|vie)\.?"
)
_DATE = (
    r"(?:\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\d{4}[/.-]\d{1,2}[/.-]\d{1,2}"
    rf"|\d{{1,2}}(?:º|°|st|nd|rd|th)?[ -]*(?:de |del )?{_MONTH}\b\.?(?:,? ?(?:de |del |-)?\d{{2,4}})?"
    rf"|{_MONTH}\b\.? \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?)"
)
_TIME = r"(?:\d{1,2} ?[:h.] ?\d{2}(?:[:.]\d{2})?|\d{1,2} ?(?:h|am|pm)\b)"
DATE = re.compile(rf"(?<![\w/]){_DATE}(?![\w/])", re.IGNORECASE)
TIME = re.compile(rf"(?<!\d){_TIME}", re.IGNORECASE)
ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:@]{1,64}@[^\s<>()\[\]\"',;:@]{1,190}")

_LEAD = r"(?:em|no dia|na|aos|a|dia|on|el d[ií]a|el|at|le|am|il|op)"
_DATED = re.compile(
    rf"(?:{_LEAD} )?,? ?(?:{_WEEKDAY}(?:,? (?:dia|el|on|the)?)?,? ?)?(?:{_DATE})(?![\w/])", re.IGNORECASE
)
_TIMED = re.compile(rf"(?:às|as|at|a las) {_TIME} ?(?:de|do dia|del|on|,)? ?(?:{_DATE})(?![\w/])", re.IGNORECASE)
_VERB = (
    r"(?:escreveu|escreveram|escribi[óo]|wrote|enviou|mandou|envi[óo]|sent|schrieb|a écrit|ha scritto|schreef"
    r"|va escriure)"
)
_VERB_END = re.compile(rf"(?:^|[\s>)\]\"',]){_VERB} ?(?::|:? ?-{{2,}}|:? ?—+)$", re.IGNORECASE)
_NAME_FIRST = re.compile(
    rf"^[^:]{{2,220}}?[\s>)\]\"]{_VERB},? ?\(?(?:(?:no dia|em|on|el d[ií]a|el|a|na|às|aos) )?,? ?"
    rf"(?:{_WEEKDAY},? ?)?(?:{_DATE})[^@<>]{{0,60}}?\)? ?:$",
    re.IGNORECASE,
)
_STAMP_FIRST = re.compile(r"^\d{4}[-/]\d\d[-/]\d\d,? \d{1,2}:\d\d[^<>]{0,120}<[^<>]+>[>) ]* ?:$")
_QUOTING = re.compile(r"^(?:quoting|citando(?: a)?|mensagem citada por|citação de|mensaje citado por) .*:$", re.IGNORECASE)
_EDGE = " \t*_|[]«»“”\""
_DASHES = re.compile(r"^[-–—‐]{2,} ?(?=\w)")


class Attribution(NamedTuple):
    """``end`` is the line after it; ``open_ended`` says it proves a quote even without quote marks."""

    end: int
    open_ended: bool


def read_attribution(lines: Sequence[Line], at: int) -> Attribution | None:
    """Return the attribution that starts on line ``at``, joined over up to four lines, or None."""
    joined, depth = "", lines[at].depth
    for end in range(at, min(at + MAX_LINES, len(lines))):
        line = lines[end]
        if line.blank or line.depth != depth:
            break
        joined = f"{joined} {line.text}" if joined else line.text
        if len(joined) > MAX_CHARS:
            break
        # Only a colon or a row of dashes ends one: most lines stop here.
        if joined[-1] in ":-—*_]|\"”»":
            found = _judge(joined)
            if found is not None:
                return Attribution(end + 1, found)
            if line.attribution:
                return Attribution(end + 1, bool(ADDRESS.search(joined) and DATE.search(joined)))
    return None


def _judge(joined: str) -> bool | None:
    """Return None for no attribution, else whether it holds alone (it names date and address)."""
    text = joined.strip(_EDGE)
    text = _DASHES.sub("", text).lstrip(_EDGE)
    if not text or text[-1] not in ":-—":
        return None
    address = bool(ADDRESS.search(text))
    if _VERB_END.search(text) and (_DATED.match(text) or _TIMED.match(text)):
        return address if address or TIME.search(text) else None
    if _NAME_FIRST.match(text):
        return address if address or TIME.search(text) else None
    if address and _STAMP_FIRST.match(text):
        return True
    return False if address and _is_foreign(text) else None


def _is_foreign(text: str) -> bool:
    """Accept any language when address and date stand together before quote marks, or «Citando …»."""
    return bool(_QUOTING.match(text) or (DATE.search(text) and TIME.search(text) and text[-1] == ":"))
