"""Which phones can be rung, as people write them, and which of them get messages."""

import pytest

from homecall.standard.phones import can_be_read, mobile_number


@pytest.mark.parametrize(
    ("written", "mobile"),
    [
        ("+7 701 234 56 78", "+77012345678"),
        ("8.701.234.56.78", "+77012345678"),
        ("+7\u00a0701\u00a0234\u00a056\u00a078", "+77012345678"),
        ("8(701)2345678", "+77012345678"),
        ("701 234 56 78", "+77012345678"),
        ("８７０１２３４５６７８", "+77012345678"),
        ("тел. 8 701 234 56 78 (анасы)", "+77012345678"),
        ("8 701 234 56 78, 8 702 234 56 79", "+77012345678"),
        ("8 701 234 56 78 / 8 702 234 56 79", "+77012345678"),
        ("+77012345678;+77022345679", "+77012345678"),
        ("8 727 250 00 00, 8 701 234 56 78", "+77012345678"),
        ("8 (727) 250-00-00 доб. 12", None),
        ("250-00-00", None),
        ("8-800-080-7777", None),
        ("+998900000123", None),
    ],
)
def test_what_can_be_rung(written: str, mobile: str | None) -> None:
    assert can_be_read(written)
    assert mobile_number([written]) == mobile


@pytest.mark.parametrize(
    "written", ["-", "жоқ", "1414", "000", "12", "+7 701 234 56", "************", "ұялы 700", "9" * 300]
)
def test_what_cannot(written: str) -> None:
    assert not can_be_read(written)
    assert mobile_number([written]) is None


def test_the_first_mobile_among_several_people_is_taken() -> None:
    assert mobile_number(["жоқ", "8 727 250 00 00", "8 702 234 56 79"]) == "+77022345679"
