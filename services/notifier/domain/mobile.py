"""The mobile phones of Kazakhstan among those that people gave. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from homecall.standard.phones import numbers_in


def mobile_number(written: Iterable[str]) -> str | None:
    """The first mobile number of Kazakhstan among these, in E.164; None where there is none.

    Each text may hold several. A message to a fixed line reaches nobody, and one abroad is not ours to pay for.
    """
    # Imported here: it takes a while, and without SMS it is not needed.
    from phonenumbers import PhoneNumberFormat, PhoneNumberType, format_number, number_type, region_code_for_number

    for number in (found for each in written for found in numbers_in(each)):
        # +7 is Russia's, too; and a number that is no valid one has no region.
        if region_code_for_number(number) == "KZ" and number_type(number) == PhoneNumberType.MOBILE:
            number.extension = None
            return format_number(number, PhoneNumberFormat.E164)
    return None
