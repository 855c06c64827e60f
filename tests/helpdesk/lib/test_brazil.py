"""R-405, R-406: documents and phones; the forms of money, hours and dates."""

from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.br import cnpj as stdnum_cnpj
from stdnum.br import cpf as stdnum_cpf

from helpdesk.lib import brazil
from helpdesk.lib.brazil import Phone, canonical_phone


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("12ABC34501DE35", True),
        ("12.abc.345/01de-35", True),
        ("12ABC34501DE36", False),
        ("11222333000181", True),
        ("11.222.333/0001-81", True),
        ("11222333000182", False),
        ("00000000000000", False),
        ("12ABC34501DEA5", False),
        ("1122233300018", False),
        ("112223330001811", False),
        ("12ÁBC34501DE35", False),
        ("", False),
        ("9" * 100_000, False),
    ],
)
def test_cnpj(text, valid):
    assert brazil.is_valid_cnpj(text) is valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("123.456.789-09", True),
        ("12345678909", True),
        ("１２３４５６７８９０９", True),
        ("12345678900", False),
        ("11111111111", False),
        ("00000000000", False),
        ("1234567890A", False),
        ("123456789", False),
        ("", False),
    ],
)
def test_cpf(text, valid):
    assert brazil.is_valid_cpf(text) is valid


@given(st.text("0123456789", min_size=9, max_size=9))
def test_cpf_agrees_with_stdnum(body):
    number = body + stdnum_cpf._calc_check_digits(body)
    assert brazil.is_valid_cpf(number) is (len(set(number)) > 1)
    assert not brazil.is_valid_cpf(body + f"{(int(number[9:]) + 1) % 100:02d}")


@given(st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=12, max_size=12), st.integers(0, 99))
def test_cnpj_agrees_with_stdnum(body, check):
    number = f"{body}{check:02d}"
    assert brazil.is_valid_cnpj(number) is (stdnum_cnpj.is_valid(number) and len(set(number)) > 1)
    right = body + stdnum_cnpj.calc_check_digits(body)
    assert brazil.is_valid_cnpj(right) is (len(set(right)) > 1)


def test_documents_are_stored_bare_and_shown_punctuated():
    assert brazil.normalize_document(" 12.abc.345/01de-35 ") == "12ABC34501DE35"
    assert brazil.format_document("12abc34501de35") == "12.ABC.345/01DE-35"
    assert brazil.format_document("12345678909") == "123.456.789-09"
    assert brazil.format_document("não sei") == "não sei"


PHONES = [  # the table of R-406
    ("(11) 90000-0001", "+5511900000001", "mobile"),
    ("11900000001", "+5511900000001", "mobile"),
    ("5511900000001", "+5511900000001", "mobile"),
    ("+55 11 90000 0001", "+5511900000001", "mobile"),
    ("011900000001", "+5511900000001", "mobile"),
    ("01511900000001", "+5511900000001", "mobile"),
    ("3180000001", "+5531980000001", "mobile"),
    ("553180000001", "+5531980000001", "mobile"),
    ("1130000001", "+551130000001", "landline"),
    ("551130000001", "+551130000001", "landline"),
    ("4830000001", "+554830000001", "landline"),
    ("5521900000001", "+5521900000001", "mobile"),
    ("08000000001", "0800 000 0001", "service"),
    ("+351900000001", "+351900000001", "foreign"),
    # and what it implies
    ("+55 (0)11 90000-0001", "+5511900000001", "mobile"),
    ("0 15 11 3000-0001", "+551130000001", "landline"),
    ("0055 11 90000-0001", "+5511900000001", "mobile"),
    ("55 90000-0001", None, None),
    ("(55) 90000-0001", None, None),
    ("(55) 3000-0001", "+555530000001", "landline"),
    ("55990000001", "+5555990000001", "mobile"),
    ("0800 000 001", "0800 000 001", "service"),
    ("11\u00a090000\u20130001", "+5511900000001", "mobile"),
]


@pytest.mark.parametrize(("text", "number", "kind"), [row for row in PHONES if row[1]])
def test_phone_has_one_form(text, number, kind):
    assert canonical_phone(text) == Phone(number, kind)


@pytest.mark.parametrize(
    "text",
    [
        "30000001",  # no area code: ask
        "",
        "+",
        "ramal 20",
        "2390000001",  # 23 is no area code
        "11900000",
        "119000000011",
        "11800000001",  # a mobile of nine digits begins with 9
        "1110000001",
        "+1",
        "+999123456789",
        "+55 11",
        "1" * 100_000,
        "(11) 90000-0001 x",
    ],
)
def test_what_is_no_phone_is_none(text):
    assert canonical_phone(text) is None


@pytest.mark.parametrize(("text", "number", "kind"), [row for row in PHONES if row[1]])
def test_canonical_form_is_its_own_canonical_form(text, number, kind):
    assert canonical_phone(number) == Phone(number, kind)


def test_there_are_67_area_codes():
    assert len(brazil.AREA_CODES) == 67


def test_service_numbers_have_no_whatsapp():
    assert canonical_phone("08000000001").may_have_whatsapp is False
    assert canonical_phone("11900000001").may_have_whatsapp is True


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+5511900000001", "(11) 90000-0001"),
        ("+551130000001", "(11) 3000-0001"),
        ("+351900000001", "+351900000001"),
        ("0800 000 0001", "0800 000 0001"),
    ],
)
def test_format_phone(number, shown):
    assert brazil.format_phone(number) == shown


@pytest.mark.parametrize(
    ("cents", "shown"),
    [(123456, "R$ 1.234,56"), (5, "R$ 0,05"), (0, "R$ 0,00"), (-100, "-R$ 1,00"), (10**8, "R$ 1.000.000,00")],
)
def test_format_money(cents, shown):
    assert brazil.format_money(cents) == shown


def test_format_hour_and_date():
    assert brazil.format_hour(datetime(2026, 1, 2, 16, 40)) == "16h40"
    assert brazil.format_hour(time(9, 0)) == "9h"
    assert brazil.format_hour(time(0, 5)) == "0h05"
    assert brazil.format_date(date(2026, 3, 2), date(2026, 12, 31)) == "02/03"
    assert brazil.format_date(date(2027, 1, 2), date(2026, 12, 31)) == "02/01/2027"
