"""Decide whether lines are the header block of an earlier mail («De: … Enviado: … Para: … Assunto: …»)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from channels_inbox.reply.attribution import ADDRESS, DATE, TIME, read_attribution
from channels_inbox.reply.lines import Line, next_filled

_LABELS = {
    "from": "de|from|remetente|remitente|von|da",
    "sent": "enviado em|enviada em|enviado(s)"
    "|enviado el|enviado|enviada|enviados|enviadas|sent|gesendet|envoyé",
    "date": "data|date|fecha|data de envio|data/hora|datum",
    "to": "para|to|destinatário|destinatario|destinatários|destinatarios|an",
    "copy": "cc|cco|bcc|c/c|cópia|copia|com cópia|com cópia para|cc/bcc",
    "subject": "assunto|subject|asunto|betreff|objet|oggetto",
    "other": "responder a|responder para|reply-to|reply to|importância|importance|importancia|prioridade"
    "|priority|anexos|anexo|attachments|adjuntos|categorias|sensibilidade",
}
_KIND = {label: kind for kind, names in _LABELS.items() for label in names.split("|")}
_NAMES = "|".join(sorted(map(re.escape, _KIND), key=len, reverse=True))
_LABEL = re.compile(rf"[*_]{{0,2}}({_NAMES})[*_]{{0,2}} ?:[*_]{{0,2}} ?", re.IGNORECASE)
_LABEL_INSIDE = re.compile(rf"(?:(?<=\s)|^)[*_]{{0,2}}({_NAMES})[*_]{{0,2}} ?:[*_]{{0,2}} ?", re.IGNORECASE)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|\d[/.-]\d{1,2}[/.-]\d\d(?!\d)")

#: «Fulano <x@y>», «Fulano [mailto:x@y]» or a bare address.
_MAILBOX = re.compile(r"[<\[(](?:mailto:)?[^\s<>()\[\]]+@[^\s<>()\[\]]+[>\])]|^[^\s<>]+@[^\s<>]+$")
_LONG_DATE = re.compile(r"[^\W\d_]{3,}.*\d{4}")

_NAMED = (
    r"mensagem original|original message|mensaje original|e-?mail original|mensagem anterior"
    r"|compromisso original|original appointment|cita original|ursprüngliche nachricht|message d'origine"
    r"|messaggio originale|reply message|mensagem de resposta"
)
_SEPARATOR = re.compile(rf"^[-–—‐_=* ]{{2,}}(?:{_NAMED})[-–—‐_=* ]{{2,}}:?$", re.IGNORECASE)
#: eM Client writes its labels without a colon.
_BARE_LABEL = re.compile(r"^(?:de|from|para|to) [^@]{1,100}@", re.IGNORECASE)
_RULE = re.compile(r"^(?:_{8,}|-{8,}|={8,}|\*{8,}|[-‐–—─━]{8,})$")
_FORWARD = re.compile(
    r"^[-–—‐_=*>« ]*(?:(?:in[ií]cio d[ae] )?mensagem (?:re)?encaminhada|e-?mail encaminhado"
    r"|forwarded message|begin forwarded message|mensaje reenviado|inicio del mensaje reenviado"
    r"|comienzo del mensaje reenviado|mensaje remitido|weitergeleitete nachricht|message transféré"
    r"|messaggio inoltrato|mensagem original encaminhada)"
    r"(?: (?:de|por|from|by) [^:]{1,100})?[-–—‐_=*» ]*:?[-–—‐_=*» ]*$",
    re.IGNORECASE,
)
_ABOVE = re.compile(
    r"^[-–—‐_=*#~«\"“> \[(]*(?:por favor,? |please,? )?"
    r"(?:(?:escreva|escrever|responda|responder|digite|insira)(?: (?:a )?sua (?:resposta|mensagem))?"
    r" ?(?:apenas |somente )?acima (?:desta|dessa|da) linha"
    r"|(?:type|write|reply|respond|add|enter)(?: your (?:reply|response|message|answer))? above this line"
    r"|(?:escriba|escribe|responda|responde|conteste)(?: (?:su|tu) respuesta)?"
    r" (?:por encima|arriba|encima) de esta l[ií]nea)"
    r"(?: (?:para responder|to reply|to respond|to add a (?:reply|comment)|para contestar))?"
    r"[-–—‐_=*#~»\"”. \])!]*$",
    re.IGNORECASE,
)
_MAX_LABEL_LINES = 24
_MAX_LINE = 2000


def is_forward_marker(line: Line) -> bool:
    """Return whether the line opens a forwarded mail («---------- Forwarded message ---------»)."""
    return line.forward or (len(line.text) < 200 and bool(_FORWARD.match(line.text)))


def is_reply_above(line: Line) -> bool:
    """Return whether the line is another system's «please type your reply above this line»."""
    return len(line.text) < 160 and bool(_ABOVE.match(line.text))


def opens_earlier_mail(lines: Sequence[Line], at: int) -> bool:
    """Return whether a separator or header block of an earlier mail starts on line ``at``.

    A named separator needs one header or attribution below it; a ruler a header block with an address or
    a time of day; without either, the block must be complete, as only mail programs write it.
    """
    line = lines[at]
    if len(line.text) < 80 and _SEPARATOR.match(line.text):
        return _follows_named_separator(lines, at)
    if _RULE.match(line.text):
        below = next_filled(lines, at + 1)
        return below < len(lines) and below - at <= 3 and _is_block(lines, below, ruled=True)
    return _is_block(lines, at, ruled=line.rule, marked=line.head)


def _follows_named_separator(lines: Sequence[Line], at: int) -> bool:
    below = next_filled(lines, at + 1)
    if below == len(lines):
        return False
    text = lines[below].text
    if lines[below].depth > lines[at].depth or _LABEL.match(text) or _BARE_LABEL.match(text):
        return True
    return read_attribution(lines, below) is not None


def _is_block(lines: Sequence[Line], at: int, *, ruled: bool, marked: bool = False) -> bool:
    label = _LABEL.match(lines[at].text)
    # Without a mark above, a line «Assunto:» before the block is the customer's own.
    if not label or not (ruled or marked or _kind(label) == "from"):
        return False
    found = _read_block(lines, at)
    if "from" not in found or len(found) < 2:
        return False
    when = found.get("sent") or found.get("date") or ""
    moment = bool(TIME.search(when) and (_YEAR.search(when) or DATE.search(when)))
    address = bool(ADDRESS.search(f"{found['from']} {found.get('to', '')} {found.get('copy', '')}"))
    if marked:
        return (moment or (address and "subject" in found)) or len(found) >= 5
    if ruled:
        return moment and len(found) >= 3
    return moment and bool(_YEAR.search(when)) and _is_complete(found, address=address)


def _is_complete(found: dict[str, str], *, address: bool) -> bool:
    """Tell a mail program's block from «De: Curitiba Para: Santos Data: 10/11/2026 14:00 Assunto: coleta»."""
    if "subject" not in found and not ("to" in found and address):
        return False
    if "sent" not in found:
        return bool(_MAILBOX.search(found["from"]))
    return address or (list(found)[:2] == ["from", "sent"] and bool(_LONG_DATE.search(found["sent"])))


def _read_block(lines: Sequence[Line], at: int) -> dict[str, str]:
    """Return the values by kind of label; a label's value may stand on the line below it."""
    found: dict[str, str] = {}
    kind, blanks, depth = "", 0, lines[at].depth
    for line in lines[at : at + _MAX_LABEL_LINES]:
        if line.blank:
            blanks += 1
            if blanks > 1:
                break
            continue
        text = line.text[:_MAX_LINE]
        if line.depth != depth:
            break
        if label := _LABEL.match(text):
            if _kind(label) == "from" and "from" in found:
                break
            kind = _take_labels(text, found)
        elif kind and not blanks and (not found[kind] or _continues(found[kind], text)):
            found[kind] = f"{found[kind]} {text}".strip()
        else:
            break
        blanks = 0
    return found


def _take_labels(text: str, found: dict[str, str]) -> str:
    """Put «De: a», or «De: a Enviado: b Para: c Assunto: d», into ``found``; return the last kind."""
    kind = "other"
    marks = list(_LABEL_INSIDE.finditer(text))
    if len(marks) > 1 and not _all_on_one_line(marks):
        marks = marks[:1]
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        kind = _kind(mark)
        found.setdefault(kind, text[mark.end() : after.start() if after else len(text)].strip())
    return kind


def _kind(label: re.Match[str]) -> str:
    # Ignoring case, the pattern takes a few letters (the long s) that lower() leaves alone.
    return _KIND.get(label[1].lower(), "other")


def _all_on_one_line(marks: list[re.Match[str]]) -> bool:
    kinds = {_kind(mark) for mark in marks}
    return "from" in kinds and len(kinds & {"sent", "date", "to", "subject"}) >= 3


def _continues(value: str, text: str) -> bool:
    return value[-1:] in ";," or text[:1] in ";<" or ("@" in text and ("<" in text or ";" in text))
