"""Phones as people write them: which can be parsed, and the numbers in them. Pure.

The library is imported on first use: it loads slowly, and a plain number of Kazakhstan does not need it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

PHONE_UNREADABLE = "phone_unreadable"
_COUNTRY = "KZ"
_PLAIN = re.compile(r"\+?[78][ ()-]*7(?:[ ()-]*[0-9]){9}[ ()-]*")
_MOST = 20
"""Numbers that are looked for in one text."""


def can_be_read(written: str) -> bool:
    """Whether there is a number in the text that could be rung, also within a city."""
    if _PLAIN.fullmatch(written):
        return True
    from phonenumbers import Leniency, NumberParseException, PhoneNumberMatcher, ValidationResult, parse
    from phonenumbers import is_possible_number_with_reason as how_possible

    possible = {ValidationResult.IS_POSSIBLE, ValidationResult.IS_POSSIBLE_LOCAL_ONLY}
    try:
        if how_possible(parse(written, _COUNTRY)) in possible:
            return True
    except NumberParseException:
        pass
    return any(True for _ in PhoneNumberMatcher(written, _COUNTRY, leniency=Leniency.POSSIBLE, max_tries=_MOST))


def numbers_in(written: str) -> Iterator[PhoneNumber]:
    """The numbers in the text, in their order: one, or several with words between them."""
    from phonenumbers import Leniency, NumberParseException, PhoneNumberMatcher, is_valid_number, parse

    try:
        whole = parse(written, _COUNTRY)
    except NumberParseException:
        whole = None
    if whole is not None and is_valid_number(whole):
        yield whole
        return
    for found in PhoneNumberMatcher(written, _COUNTRY, leniency=Leniency.VALID, max_tries=_MOST):
        yield found.number


def mobile_number(written: Iterable[str]) -> str | None:
    """The first mobile number of Kazakhstan among these, in E.164; None where there is none.

    Each text may hold several. A message to a fixed line reaches nobody, and one abroad is not ours to pay for.
    """
    from phonenumbers import PhoneNumberFormat, PhoneNumberType, format_number, number_type, region_code_for_number

    for number in (found for each in written for found in numbers_in(each)):
        # +7 is Russia's, too; and a number that is no valid one has no region.
        if region_code_for_number(number) == "KZ" and number_type(number) == PhoneNumberType.MOBILE:
            number.extension = None
            return format_number(number, PhoneNumberFormat.E164)
    return None
