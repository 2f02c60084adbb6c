"""How, where and by whom an answer is given; what counts as an address, and as a reason (C10.1, C10.2, C10.5)."""

from __future__ import annotations

from typing import Final

from homecall.contract.events import AnswerBy, ClinicPublished, ComplaintStage, Language
from homecall.standard.rules import RuleSet
from homecall.texts.addresses import directory_of, office_of
from homecall.texts.language import Text
from services.complaints.domain.state import Official

SYSTEM: Final = "Homecall"
"""Who accepted it where nobody is on duty."""
_HEAD: Final = Text("Емхана басшысы", "Руководитель поликлиники", "Head of the clinic")
_AUTOMATIC: Final = Text(
    "автоматты тіркеу жүйесі", "система автоматической регистрации", "automatic registration system"
)


def is_address(text: str | None) -> bool:
    """Whether a letter could be sent there: four letters or digits at least."""
    return text is not None and sum(sign.isalnum() for sign in text) >= 4


def in_words(text: str) -> bool:
    """Whether a text says something: five letters, three of them different, and a word of three letters.

    One word is enough ("Келіспеймін"), a letter is not.
    """
    letters = [sign for sign in text.casefold() if sign.isalpha()]
    words = "".join(sign if sign.isalpha() else " " for sign in text).split()
    longest = max(map(len, words), default=0)
    return len(letters) >= 5 and len(set(letters)) >= 3 and longest >= 3


def ways(channel: str, *, by_post: bool) -> tuple[AnswerBy, ...]:
    """The ways in which this complainant can be answered, the nearest to the channel first (C10.5).

    Only a complaint from the portal is shown in a cabinet (C10.6), and a letter needs an address; at the addressee's
    office everybody can be given the answer.
    """
    found: list[AnswerBy] = ["portal"] if channel == "portal" else []
    if by_post:
        found.append("post")
    return (*found, "by_hand")


def way_of(asked: AnswerBy, channel: str, *, by_post: bool) -> tuple[AnswerBy, AnswerBy | None]:
    """The way that was asked for, or the nearest that there is: nobody is refused for it (C10.2).

    Second, how it was asked for where that cannot be.
    """
    possible = ways(channel, by_post=by_post)
    return (asked, None) if asked in possible else (possible[0], asked)


def office(stage: ComplaintStage, clinic: ClinicPublished | None, rules: RuleSet) -> Text | None:
    """Where an answer of this stage is handed over: the addressee's own address (C10.1, C10.5). None: not known."""
    if stage == "clinic":
        return None if clinic is None else Text(clinic.address, clinic.address, clinic.address)
    return office_of(rules, stage)


def contacts(rules: RuleSet) -> dict[str, Text]:
    """The addresses that the next steps name, as far as the rule set has them (C10.1, C12)."""
    known = {name: office_of(rules, name) for name in ("ministry", "quality_authority")}
    known["directory"] = directory_of(rules)
    return {name: text for name, text in known.items() if text is not None}


def on_duty(
    stage: ComplaintStage, clinic: ClinicPublished | None, officer: Official | None, language: Language
) -> Official:
    """Who answers for what the system accepts by itself: the officer on duty, by setting; at the clinic, where none is
    set, its head; elsewhere the system alone.
    """
    if officer is not None:
        return officer
    if stage == "clinic" and clinic is not None:
        return Official(full_name=clinic.head.full_name, position=_HEAD.as_dict()[language])
    return Official(full_name=SYSTEM, position=_AUTOMATIC.as_dict()[language])
