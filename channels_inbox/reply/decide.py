"""Decide where the quote of an earlier mail begins and ends, and when it must stay."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from channels_inbox.reply.attribution import read_attribution
from channels_inbox.reply.headers import is_forward_marker, is_reply_above, opens_earlier_mail
from channels_inbox.reply.lines import Line, end_of_block, next_filled


class Found(Enum):
    """What the lines show. Only CUT removes anything."""

    NOTHING = "nothing"
    CUT = "cut"
    MIXED = "mixed"  # answers between or below the quotes
    FORWARD = "forward"


class Decision(NamedTuple):
    """Lines ``start`` to ``end`` are the quote; ``to_end``: nothing showed its end, all below is taken."""

    found: Found
    start: int = 0
    end: int = 0
    to_end: bool = False


class _Opening(NamedTuple):
    found: Found
    end: int  # where the quote ends
    to_end: bool = False  # nothing shows an end


_PHONE = re.compile(
    r"^(?:enviad[oa] (?:do|da|de|a partir d|através d|pel|via|desde|usando)|sent (?:from|via|with|using)"
    r"|(?:obter|obtenha|get|obtener|baix(?:e|ar)) o? ?outlook|yahoo mail|mensagem enviada (?:do|pel))",
    re.IGNORECASE,
)
_FOOTER = re.compile(
    r"^(?:--$|[-_=*]{3,}$|aviso(?: legal| de confidencialidade)?:|disclaimer|confiden\w+$"
    r"|(?:esta mensagem|este e-?mail|este mensaje|this (?:e-?mail|message)) .{0,200}"
    r"(?:confiden|privileg|sigilos|destinat|intended|antiv[ií]rus|v[ií]rus)"
    r"|antes de imprimir|livre de v[ií]rus|virus-?free|libre de virus|sem v[ií]rus"
    r"|você (?:está recebendo|recebeu) (?:este|esta)|you received this (?:e-?mail|message)|recibiste este"
    r"|as informações contidas|the information contained|la informaci[oó]n contenida)",
    re.IGNORECASE,
)
#: «Answers below in red»: the new words stand inside what looks like the quote.
_ANSWERS_INSIDE = re.compile(
    r"\b(?:respond|respost|respuest|contest|coment|answer|repl(?:y|ied|ies)|response|comment|observaç|anotaç|seguem?\b"
    r"|grif|marc|destac)[^\n]{0,60}"
    r"\b(?:no corpo|entre (?:as )?linhas|em (?:vermelho|azul|verde|amarelo|negrito|caixa alta|destaque)"
    r"|en (?:rojo|azul|verde|negrita)|in (?:red|blue|green|bold|line)|inline|between the lines)"
    r"|\b(?:respond(?:i|o|ido|endo|emos|idas?)|respostas?|respuestas?|respondo|coment[aá]rios?"
    r"|answers?|replies|responses?|comments?)\b[^\n]{0,30}\b(?:abaixo|a seguir|embaixo|abajo|below)"
    r"|\b(?:abaixo|below|abajo)\b[^\n]{0,25}\b(?:respost(?:a|as)|respuestas?|answers?|comentários?)\b"
    r"|\b(?:em vermelho|en rojo|in red)\b|\bseguem? (?:as |minhas |nossas )?respostas\b"
    r"|^[^\n]{0,40}\b(?:ver|vide|vejam?|verifi\w+|confira|see|segue|seguem|conforme|v[ée]ase)\b[^\n]{0,20}"
    r"\b(?:abaixo|embaixo|below|abajo)[ .!]*$",
    re.IGNORECASE | re.MULTILINE,
)
#: «See the mail below»: the quote is what the customer wants to show.
_SHOWS_QUOTE = re.compile(
    r"\b(?:e-?mails?|mensage(?:m|ns)|mensajes?|conversas?|correos?|hist[óo]rico|troca|trail|thread)\b"
    r"[^\n.;]{0,20}\b(?:abaixo|a seguir|embaixo|abajo|below)"
    r"|\b(?:abaixo|abajo|below)[^\n.;]{0,25}\b(?:e-?mails?|mensage(?:m|ns)|mensajes?|conversas?|correos?"
    r"|hist[óo]rico|thread)\b"
    r"|\bseguem?\b[^\n.;:]{0,12}\b(?:e-?mail|mensagem|conversa|hist[óo]rico)\b|\brepass(?:o|ando|ei)\b"
    r"|\bencaminh(?:o|amos|ando|ei)\b[^\n]{0,40}\b(?:abaixo|e-?mail|mensagem)\b|\b(?:reenv[ií]o|forwarding)\b"
    r"|^\W*(?:fyi|p/ conhecimento|para conhecimento|para ciência)\b",
    re.IGNORECASE | re.MULTILINE,
)
_NOTE_CHARS = 4000
#: A greeting alone is no answer: the answer then stands below, where no mark tells it from the quote.
_GREETING = re.compile(
    r"^(?i:oi|ol[áa]|bom dia|boa tarde|boa noite|prezad[oa]s?|car[oa]s?|hi|hello|hey|dear"
    r"|good (?:morning|afternoon)|hola|buenos d[ií]as|buenas tardes|buenas|estimad[oa]s?)"
    r"(?:[ ,!]+(?:(?i:equipe|time|pessoal|todos|a|à|e|o|senhor\w*|sr|sra|team|all|equipo|tudo|bem"
    r"|suporte|bom|dia|boa|tarde|noite|de|do|da|dos|das)\b|[A-ZÀ-Ý][\w.]*)){0,6}\W*$"
)


def decide(lines: Sequence[Line]) -> Decision:
    """Return what the first sign of an earlier mail leads to; whether words remain is the caller's."""
    at = 0
    while (at := next_filled(lines, at)) < len(lines):
        opening = _read_opening(lines, at)
        if opening is None:
            at = end_of_block(lines, at) if lines[at].depth else at + 1
            continue
        if opening.found is Found.CUT:
            return _follow(lines, at, opening)
        return Decision(opening.found, at, len(lines))
    return Decision(Found.NOTHING)


def says_nothing(lines: Sequence[Line]) -> bool:
    """Return whether no line has a word beyond a greeting and a telephone's or delimited signature."""
    for line in lines:
        if line.text in {"--", "—"}:
            return True
        if any(map(str.isalnum, line.text)) and not (_PHONE.match(line.text) or _GREETING.match(line.text)):
            return False
        if line.text and not line.text.isascii() and _has_symbol(line.text):
            return False
    return True


def points_into_quote(new_text: str) -> bool:
    """Return whether the new words send the reader into the quote («respostas abaixo, em vermelho»)."""
    head = new_text[:_NOTE_CHARS]
    return bool(_ANSWERS_INSIDE.search(head) or _SHOWS_QUOTE.search(head))


def _has_symbol(text: str) -> bool:
    # An answer may be one emoji.
    return any(ord(char) >= 0x2600 for char in text)


def _read_opening(lines: Sequence[Line], at: int) -> _Opening | None:
    """Return what opens on line ``at``: an earlier mail (CUT), a forward, answers without a clear quote."""
    line = lines[at]
    if is_forward_marker(line):
        return _Opening(Found.FORWARD, len(lines))
    if line.depth:
        return _read_block_opening(lines, at)
    if opens_earlier_mail(lines, at) or is_reply_above(line):
        return _Opening(Found.CUT, len(lines), to_end=True)
    attribution = read_attribution(lines, at)
    if attribution is None:
        return None
    below = next_filled(lines, attribution.end)
    if below < len(lines) and lines[below].depth:
        return _Opening(_kind_of_block(lines, below), end_of_block(lines, below))
    if not attribution.open_ended or below == len(lines):
        return None
    if is_forward_marker(lines[below]):
        return _Opening(Found.FORWARD, len(lines))
    # Answers stand among bare quote marks further down: an end cannot be told.
    found = Found.MIXED if _has_bare_quote(lines, below) else Found.CUT
    return _Opening(found, len(lines), to_end=True)


def _read_block_opening(lines: Sequence[Line], at: int) -> _Opening | None:
    """Accept quote marks without attribution above only if a program made them or they begin with one."""
    kind = _kind_of_block(lines, at)
    if kind is Found.FORWARD:
        return _Opening(kind, len(lines))
    inner = read_attribution(lines, at) is not None or opens_earlier_mail(lines, at)
    if lines[at].machine or inner or is_reply_above(lines[at]):
        return _Opening(Found.CUT, end_of_block(lines, at))
    return None


def _kind_of_block(lines: Sequence[Line], at: int) -> Found:
    return Found.FORWARD if is_forward_marker(lines[at]) else Found.CUT


def _has_bare_quote(lines: Sequence[Line], at: int) -> bool:
    above = ""
    while (at := next_filled(lines, at)) < len(lines):
        line = lines[at]
        if line.depth:
            if not (above.endswith((":", "-")) or line.machine or read_attribution(lines, at)):
                return True
            at = end_of_block(lines, at)
            above = ""
        else:
            above = line.text
            at += 1
    return False


def _follow(lines: Sequence[Line], start: int, opening: _Opening) -> Decision:
    """Extend the quote over those that directly follow; words after it mean answers, unless a footer."""
    while (below := next_filled(lines, opening.end)) < len(lines):
        following = _read_opening(lines, below)
        if following is None or following.found is not Found.CUT:
            footer = _PHONE.match(lines[below].text) or _FOOTER.match(lines[below].text)
            found = Found.CUT if footer and not _quotes_again(lines, below) else Found.MIXED
            return Decision(found, start, opening.end)
        opening = following
    return Decision(Found.CUT, start, opening.end, to_end=opening.to_end)


def _quotes_again(lines: Sequence[Line], at: int) -> bool:
    return any(line.depth and line.text for line in lines[at:])
