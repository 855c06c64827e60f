"""How Brazil writes documents, phones, money, hours and dates (R-405, R-406)."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal

import phonenumbers

_CPF = re.compile(r"[0-9]{11}")
_CNPJ = re.compile(r"[0-9A-Z]{12}[0-9]{2}")
_AREA_NAMES = """
    11 12 13 14 15 16 17 18 19 21 22 24 27 28 31 32 33 34 35 37 38 41 42 43 44 45 46 47 48 49 51 53 54 55
    61 62 63 64 65 66 67 68 69 71 73 74 75 77 79 81 82 83 84 85 86 87 88 89 91 92 93 94 95 96 97 98 99
"""
AREA_CODES = frozenset(_AREA_NAMES.split())
_PHONE_TEXT = re.compile(r"\+?[0-9() ./\-]{5,40}")
_SERVICE = re.compile(r"(0[3589]00)([0-9]{3})([0-9]{3,4})")
_CARRIER = re.compile(r"0[1-9][0-9]([1-9][0-9]{9,10})")


@dataclass(frozen=True)
class Phone:
    """`number` is E.164, or the service number as people say it (`0800 000 0001`)."""

    number: str
    kind: Literal["mobile", "landline", "service", "foreign"]

    @property
    def may_have_whatsapp(self) -> bool:
        return self.kind != "service"


def normalize_document(text: str) -> str:
    """Return CPF or CNPJ as stored: without punctuation, upper case. Validates nothing."""
    return re.sub(r"[^0-9A-Z]", "", unicodedata.normalize("NFKC", text[:60]).upper())


def is_valid_cpf(text: str) -> bool:
    """Whether the check digits fit. Eleven equal digits are refused although they would."""
    digits = normalize_document(text)
    if not _CPF.fullmatch(digits) or len(set(digits)) == 1:
        return False
    return all(_check_digit(digits[:end], range(end + 1, 1, -1)) == digits[end] for end in (9, 10))


def is_valid_cnpj(text: str) -> bool:
    """Whether the check digits fit, also with letters (issued since July 2026).

    A letter counts as its ASCII code minus 48; the two check digits stay digits (R-405).
    """
    document = normalize_document(text)
    if not _CNPJ.fullmatch(document) or len(set(document)) == 1:
        return False
    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    return all(_check_digit(document[:end], weights[13 - end :]) == document[end] for end in (12, 13))


def format_document(text: str) -> str:
    """Return `000.000.000-00` or `00.000.000/0000-00`; any other text as it came."""
    document = normalize_document(text)
    if _CPF.fullmatch(document):
        return f"{document[:3]}.{document[3:6]}.{document[6:9]}-{document[9:]}"
    if _CNPJ.fullmatch(document):
        return f"{document[:2]}.{document[2:5]}.{document[5:8]}/{document[8:12]}-{document[12:]}"
    return text


def canonical_phone(text: str) -> Phone | None:
    """Return the one form of a phone (R-406), or None when it is none or lacks its area code.

    Takes Brazilian numbers with or without +55, 0 and carrier code; a mobile of eight digits gets its 9.
    Other countries need their `+`.
    """
    typed = " ".join(unicodedata.normalize("NFKC", text[:80]).replace("‐", "-").replace("–", "-").split())
    if not _PHONE_TEXT.fullmatch(typed):
        return None
    digits = re.sub(r"[^0-9]", "", typed)
    if typed.startswith("+") and not digits.startswith("55"):
        return _foreign_phone(digits)
    service = _SERVICE.fullmatch(digits)
    if service:
        return Phone(" ".join(service.groups()), "service")
    return _brazilian_phone(_national_number(digits, international=typed.startswith("+")))


def format_phone(number: str) -> str:
    """Return `(11) 90000-0001` for a Brazilian E.164 number; anything else as it came."""
    match = re.fullmatch(r"\+55([0-9]{2})([0-9]{4,5})([0-9]{4})", number)
    return f"({match[1]}) {match[2]}-{match[3]}" if match else number


def format_money(cents: int) -> str:
    """Return `R$ 1.234,56` for 123456 cents."""
    whole, rest = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}R$ {whole:,}".replace(",", ".") + f",{rest:02d}"


def format_hour(moment: datetime | time) -> str:
    """Return `16h40`, or `9h` at the full hour. The moment must be in the reader's zone already."""
    return f"{moment.hour}h{moment.minute:02d}" if moment.minute else f"{moment.hour}h"


def format_date(day: date, today: date) -> str:
    """Return `dd/mm`, with the year when it is not today's."""
    return f"{day.day:02d}/{day.month:02d}" + ("" if day.year == today.year else f"/{day.year:04d}")


def _check_digit(characters: str, weights: range | tuple[int, ...]) -> str:
    total = sum((ord(char) - 48) * weight for char, weight in zip(characters, weights, strict=True))
    rest = total % 11
    return "0" if rest < 2 else str(11 - rest)


def _foreign_phone(digits: str) -> Phone | None:
    try:
        number = phonenumbers.parse(f"+{digits}", None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return Phone(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), "foreign")


def _national_number(digits: str, *, international: bool) -> str:
    """Ten or eleven digits from the ways people dial; area code 55 is not mistaken for the country."""
    digits = digits.removeprefix("00") if digits.startswith("0055") else digits
    if digits.startswith("55") and (international or len(digits) >= 12):
        digits = digits[2:]
    carrier = _CARRIER.fullmatch(digits)
    return carrier[1] if carrier else digits.removeprefix("0")


def _brazilian_phone(national: str) -> Phone | None:
    area, subscriber = national[:2], national[2:]
    if area not in AREA_CODES or not subscriber:
        return None
    if len(subscriber) == 9 and subscriber[0] == "9":
        return Phone(f"+55{area}{subscriber}", "mobile")
    if len(subscriber) == 8 and subscriber[0] in "6789":
        return Phone(f"+55{area}9{subscriber}", "mobile")
    if len(subscriber) == 8 and subscriber[0] in "2345":
        return Phone(f"+55{area}{subscriber}", "landline")
    return None
