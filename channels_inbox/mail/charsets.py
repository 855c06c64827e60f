"""Decides which letters bytes stand for, when the label is right, wrong, unknown or missing.

All text that leaves this module can be stored in PostgreSQL: no NUL, no lone surrogate.
"""

import codecs
import re
from functools import lru_cache

# Letters a Portuguese or Spanish text is made of; they tell code pages apart when no label helps.
_IBERIAN = frozenset("áàâãäéêèíóôõòöúüçñÁÀÂÃÉÊÍÓÔÕÚÜÇÑªº°“”‘’–—…•€§«»¿¡")
_GUESSES = ("cp1252", "cp850", "mac-roman")
_ALIASES = {
    "iso8859-1": "cp1252",  # what everybody means by it (WHATWG encoding standard)
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
_SPELLINGS = {
    "ansi": "cp1252",
    "x-ansi": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "unicode-1-1-utf-8": "utf-8",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
    "ks_c_5601-1987": "cp949",
    "x-sjis": "cp932",
    "x-gbk": "gb18030",
    "utf8mb4": "utf-8",
}
# Only these codecs: punycode and idna are quadratic, utf-7 smuggles markup, others are no charsets.
_ALLOWED = re.compile(
    r"(?:iso8859-\d+|iso2022_\w+|cp\d+|koi8-\w|gb2312|gbk|gb18030|big5\w*|euc_\w+|shift_\w+"
    r"|utf-(?:8|16|32)(?:-[bl]e)?|mac-\w+|hz|johab|tis-620|ascii)"
)
_LABEL = re.compile(
    r"(?:x-)?(?:iso|windows|win|cp|koi|gb|hz|big|euc|s(?:hift)?[-_]?jis|utf|mac|johab|tis|ks|latin|l\d"
    r"|us|ascii|ansi|csutf|ibm|unicode|437|8\d\d|125\d)[a-z0-9._:-]*"
)
_UTF7 = re.compile(r"(?:unicode-1-1-)?utf[-_]?7", re.IGNORECASE)  # it carries markup past filters
_SURROGATE = re.compile("[\udc80-\udcff]")
_BODY_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_BODY_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_BODY_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_LINE_SPACE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
# Bidirectional overrides and zero-width marks disguise names; the joiners U+200C/D belong to real scripts.
_LINE_HIDDEN = re.compile(
    "[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_ANY_SURROGATE = re.compile("[\ud800-\udfff]")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_STATEFUL = ("iso2022", "hz", "utf-16", "utf-32")


def _cp1252_of(byte: int) -> str:
    """Windows-1252, and the C1 control of ISO-8859-1 where that page has a hole."""
    return bytes([byte]).decode("cp1252", "replace").replace("\ufffd", chr(byte))


_CP1252_ESCAPES = {0xDC00 + byte: _cp1252_of(byte) for byte in range(0x80, 0x100)}


@lru_cache(maxsize=512)
def codec_named(label: str) -> str:
    """The Python codec for a charset label as mail writes it; '' when unknown or refused."""
    label = label.strip(" \t\"'<>").lower()[:40]
    label = _SPELLINGS.get(label, label)
    found = _LABEL.match(label)
    if not found:
        return ""
    try:
        name = codecs.lookup(found.group()).name
    except (LookupError, ValueError):
        return ""
    return _ALIASES.get(name, name) if _ALLOWED.fullmatch(name) else ""


def decode_text(data: bytes, declared: str = "") -> tuple[str, str]:
    """Text of `data`, and '' or the defect that says how the label was set right.

    UTF-8 first, since hardly any other text happens to be valid UTF-8; then the label; then a guess.
    """
    codec = codec_named(declared) if declared else ""
    for bom, of_bom in _BOMS:
        if data.startswith(bom):
            return data.decode(of_bom, "replace").removeprefix("\ufeff"), ""
    if codec.startswith(_STATEFUL):
        return _try(data, codec) or (_guess(data), f"charset_wrong:{codec}")
    if _UTF7.fullmatch(declared.strip(" \t\"'")):
        return data.decode("latin-1"), "charset_refused:utf-7"
    unknown = (
        f"charset_unknown:{one_line(declared)[:40]}" if declared and not codec and not data.isascii() else ""
    )
    try:
        return data.decode("utf-8"), unknown or _relabel(data, codec)
    except UnicodeDecodeError:
        pass
    if codec and codec not in ("utf-8", "cp1252"):
        known = _try(data, codec)
        if known:
            return known
    if codec == "cp1252":
        return _cp1252(data), ""
    text = _mostly_utf8(data) if codec in ("", "utf-8") else ""
    return text or _guess(data), unknown or (f"charset_wrong:{codec}" if codec else "charset_missing")


def _relabel(data: bytes, codec: str) -> str:
    return "" if codec in ("utf-8", "") or data.isascii() else f"charset_wrong:{codec}"


def _try(data: bytes, codec: str) -> tuple[str, str] | None:
    try:
        return data.decode(codec), ""
    except (UnicodeError, ValueError):
        return None


def _cp1252(data: bytes) -> str:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1").translate(_CP1252_HOLES)


_CP1252_HOLES = {byte: _cp1252_of(byte) for byte in range(0x80, 0xA0)}


def _mostly_utf8(data: bytes) -> str:
    """UTF-8 with a few stray bytes (a cut letter, a footer of another program); '' when it is not that."""
    text = data.decode("utf-8", "surrogateescape")
    strays = len(_SURROGATE.findall(text))
    letters = len(data) - len(data.translate(None, bytes(range(0xC2, 0xF5))))
    if strays * 2 > letters:
        return ""
    if strays and 0xDC80 <= ord(text[-1]) <= 0xDCFF:
        text = text.rstrip(
            "".join(map(chr, range(0xDC80, 0xDD00)))
        )  # the text was cut inside its last letter
    return text.translate(_CP1252_ESCAPES)


def _guess(data: bytes) -> str:
    """The one-byte page which makes the most Portuguese of the high bytes; Windows-1252 when in doubt."""
    high = data[:65536].translate(None, bytes(range(0x80)))
    scores = [sum(letter in _IBERIAN for letter in high.decode(page, "replace")) for page in _GUESSES]
    best = max(range(len(_GUESSES)), key=lambda at: (scores[at], -at))
    if best and scores[best] > scores[0] * 1.5:
        return data.decode(_GUESSES[best], "replace")
    return _cp1252(data)


def storable(text: str) -> str:
    """Body text: line feeds only, no controls but tab, no lone surrogates."""
    if not _BODY_UNSAFE.search(text):
        return text
    text = _BODY_BREAKS.sub("\n", text)
    return _ANY_SURROGATE.sub("\ufffd", _BODY_CONTROLS.sub("", text))


def one_line(text: str) -> str:
    """Header text, a name, a file name: one line, nothing that controls or hides (A18, A12)."""
    if text.isprintable():
        return text.strip()
    text = _LINE_HIDDEN.sub("", _LINE_SPACE.sub(" ", text))
    return _ANY_SURROGATE.sub("\ufffd", text).strip()


def decode_field(raw: bytes) -> str:
    """A header field's bytes as text on one line; raw 8-bit letters are guessed."""
    if raw.isascii():
        return one_line(raw.decode("ascii"))
    return one_line(decode_text(raw)[0])
