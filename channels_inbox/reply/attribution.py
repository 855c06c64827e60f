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
    r"(?:(?:segunda|terça|terca|quarta|quinta|sexta)(?:[ -]?feira)?|s[áa]bado|domingo"
    r"|seg|ter|qua|qui|sex|s[áa]b|dom"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun"
    r"|lunes|martes|mi[ée]rcoles|jueves|viernes|lun|mar|mi[ée]|jue|vie)\.?"
)
_DATE = (
    r"(?:\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\d{4}[/.-]\d{1,2}[/.-]\d{1,2}"
    # Yahoo's app writes «17 17e nov. 17e 2026».
    rf"|\d{{1,2}}(?:º|°|\.|st|nd|rd|th)?[ -]*(?:de |del |\d{{1,2}}e )?{_MONTH}\b\.?"
    r"(?:,? ?(?:de |del |\d{1,2}e |-)?\d{2,4})?"
    rf"|{_MONTH}\b\.? \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?)"
)
_TIME = r"(?:\d{1,2} ?[:h.] ?\d{2}(?:[:.]\d{2})?|\d{1,2} ?(?:h|am|pm)\b)"
DATE = re.compile(rf"(?<![\w/]){_DATE}(?![\w/])", re.IGNORECASE)
TIME = re.compile(rf"(?<!\d){_TIME}", re.IGNORECASE)
ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:@]{1,64}@[^\s<>()\[\]\"',;:@]{1,190}")

_LEAD = r"(?:em|no dia|na|aos|a|dia|on|el d[ií]a|el|at|le|am|il|op)"
_DAY = rf",? ?(?:{_WEEKDAY}(?:,? (?:dia|el|on|the)?)?,? ?)?(?:{_DATE})(?![\w/])"
_AT = r"[,.]? ?(?:-|at|às|as|à\(s\)|a las|a la\(s\)|em|um|alle ore|à|,)? ?"
_DATED = re.compile(rf"(?P<lead>{_LEAD} )?{_DAY}(?:{_AT}(?P<time>{_TIME})|,)", re.IGNORECASE)
_TIMED = re.compile(
    rf"(?P<lead>(?:às|as|at|a las) )(?P<time>{_TIME}) ?(?:de|do dia|del|on|,)? ?(?:{_DATE})(?![\w/])",
    re.IGNORECASE,
)
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
_QUOTING = re.compile(
    r"^(?:quoting|citando(?: a)?|mensagem citada por|citação de|mensaje citado por) .*:$", re.IGNORECASE
)
_ANY_DATE = re.compile(rf"{_DATE}|\d{{1,2}}\.? [^\W\d_]{{3,10}}\.? \d{{4}}", re.IGNORECASE)
_FOREIGN_VERB = re.compile(
    rf"(?<!\w)(?:{_VERB}|missatge de|napsal|skrev|kirjoitti|pisze|napisał|написал|пишет)(?!\w)", re.IGNORECASE
)
_LAST = ':-—*_]|"”»'
_EDGE = ' \t*_|[]«»“”"'
_DASHES = re.compile(r"^[-–—‐]{2,} ?(?=\w)")


class Attribution(NamedTuple):
    """``end`` is the line after it; ``open_ended`` says it proves a quote even without quote marks."""

    end: int
    open_ended: bool


class _Match(NamedTuple):
    open_ended: bool
    anchored: bool  # it begins with a word that begins attributions


def read_attribution(lines: Sequence[Line], at: int) -> Attribution | None:
    """Return the attribution that starts on line ``at``, joined over up to four lines, or None.

    When a later one of the joined lines starts one as well, the first line is the customer's own.
    """
    joined: list[str] = []
    for end in range(at, min(at + MAX_LINES, len(lines))):
        line = lines[end]
        if line.blank or line.depth != lines[at].depth or len(line.text) > MAX_CHARS:
            return None
        joined.append(line.text)
        # Only a colon or a row of dashes ends one: most lines stop here.
        if line.text[-1] in _LAST and (found := _judge(joined)) is not None:
            later = (_judge(joined[skip:]) for skip in range(1, len(joined)))
            rival = any(match is not None and match.anchored >= found.anchored for match in later)
            return None if rival else Attribution(end + 1, found.open_ended)
        if line.text[-1] in _LAST and line.attribution and lines[at].attribution:
            whole = " ".join(joined)
            return Attribution(end + 1, bool(ADDRESS.search(whole) and DATE.search(whole)))
    return None


def _judge(joined: Sequence[str]) -> _Match | None:
    """Return None for no attribution; it holds alone when it names date and address."""
    text = _DASHES.sub("", " ".join(joined)[:MAX_CHARS].strip(_EDGE)).lstrip(_EDGE)
    if not text or text[-1] not in ":-—":
        return None
    address = bool(ADDRESS.search(text))
    dated = (_DATED.match(text) or _TIMED.match(text)) if _VERB_END.search(text) else None
    if dated and (dated["time"] or (address and len(joined) == 1)):
        # Without «Em» or «On» it needs quote marks below.
        return _Match(address and bool(dated["lead"]), bool(dated["lead"]))
    if _NAME_FIRST.match(text) and (address or TIME.search(text)):
        return _Match(address, anchored=False)
    if address and _STAMP_FIRST.match(text):
        return _Match(open_ended=True, anchored=False)
    return _Match(open_ended=False, anchored=False) if address and _is_foreign(text) else None


def _is_foreign(text: str) -> bool:
    """Accept another language's verb with address, date and hour before quote marks, or «Citando …»."""
    if _QUOTING.match(text):
        return True
    return text[-1] == ":" and bool(
        _FOREIGN_VERB.search(text) and _ANY_DATE.search(text) and TIME.search(text)
    )
