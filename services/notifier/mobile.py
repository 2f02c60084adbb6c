"""Phone numbers as people write them, and the mobile ones of Kazakhstan among them. Pure.

The library is imported where it is first needed: it takes a while, and without SMS nobody needs it.
"""

from __future__ import annotations

from collections.abc import Iterable


def mobile_number(written: Iterable[str]) -> str | None:
    """The first mobile number of Kazakhstan among these, in E.164; None where there is none.

    A message to a fixed line reaches nobody, and one abroad is not ours to pay for.
    """
    from phonenumbers import (
        NumberParseException,
        PhoneNumberFormat,
        PhoneNumberType,
        format_number,
        number_type,
        parse,
        region_code_for_number,
    )

    for each in written:
        try:
            number = parse(each, "KZ")
        except NumberParseException:
            continue
        # +7 is Russia's, too; and a number that is no valid one has no region.
        if region_code_for_number(number) == "KZ" and number_type(number) == PhoneNumberType.MOBILE:
            return format_number(number, PhoneNumberFormat.E164)
    return None
