"""How and where an answer is had, who accepted a complaint, and what counts as a reason (C10.2, C10.5). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from homecall.contract.events import AnswerBy, ClinicPublished, ComplaintStage, Language
from homecall.standard.rules import RuleSet
from homecall.texts.addresses import directory_of, office_of
from homecall.texts.language import Text, plain

_LETTERS, _DIFFERENT_LETTERS, _LONGEST_WORD = 5, 3, 3
_ADDRESS_SIGNS = 4


def in_words(text: str) -> bool:
    """Whether a text says something: five letters, three of them different, and a word of three letters.

    One rule for a complaint, measures, an answer and grounds. One word is enough ("Келіспеймін"), a letter is not.
    """
    letters = [sign for sign in text.casefold() if sign.isalpha()]
    words = "".join(sign if sign.isalpha() else " " for sign in text).split()
    return (
        len(letters) >= _LETTERS
        and len(set(letters)) >= _DIFFERENT_LETTERS
        and max(map(len, words), default=0) >= _LONGEST_WORD
    )


def is_address(text: str | None) -> bool:
    """Whether a letter could be sent there: four letters or digits at least."""
    return text is not None and sum(sign.isalnum() for sign in text) >= _ADDRESS_SIGNS


class Way(NamedTuple):
    """How an answer is to go, and how it was asked for where that cannot be."""

    by: AnswerBy
    asked: AnswerBy | None = None


def ways(channel: str, *, by_post: bool) -> tuple[AnswerBy, ...]:
    """The ways in which this complainant can be answered, the nearest to the channel first (C10.5).

    Only a complaint from the portal is shown in a cabinet (C10.6), and a letter needs an address; at the addressee's
    office everybody can be given the answer.
    """
    found: list[AnswerBy] = ["portal"] if channel == "portal" else []
    if by_post:
        found.append("post")
    return (*found, "by_hand")


def way_of(asked: AnswerBy, channel: str, *, by_post: bool) -> Way:
    """The way that was asked for, or the nearest that there is: nobody is refused for it (C10.2)."""
    possible = ways(channel, by_post=by_post)
    return Way(asked) if asked in possible else Way(possible[0], asked)


def office(stage: ComplaintStage, clinic: ClinicPublished | None, rules: RuleSet) -> dict[str, str] | None:
    """Where an answer of this stage is handed over: the addressee's own address (C10.1, C10.5). None: not known."""
    if stage == "clinic":
        return None if clinic is None else dict.fromkeys(("kk", "ru", "en"), clinic.address)
    known = office_of(rules, stage)
    return None if known is None else known.as_dict()


SYSTEM: Final = "Homecall"
"""Who accepted it where nobody is on duty."""
_HEAD: Final[Mapping[Language, str]] = {
    "kk": "Емхана басшысы",
    "ru": "Руководитель поликлиники",
    "en": "Head of the clinic",
}
_SYSTEM: Final[Mapping[Language, str]] = {
    "kk": "автоматты тіркеу жүйесі",
    "ru": "система автоматической регистрации",
    "en": "automatic registration system",
}


def on_duty(
    stage: ComplaintStage, clinic: ClinicPublished | None, officer: Mapping[str, str] | None, language: Language
) -> dict[str, Any]:
    """Who answers for what the system accepts by itself (C10.2): the officer on duty, by setting; at the clinic, where
    none is set, its head; elsewhere the system alone.
    """
    if officer is not None:
        return dict(officer)
    if stage == "clinic" and clinic is not None:
        return {"full_name": clinic.head.full_name, "position": _HEAD[language]}
    return {"full_name": SYSTEM, "position": _SYSTEM[language]}


def contacts(rules: RuleSet) -> dict[str, dict[str, str]]:
    """The addresses that the next steps name, in three languages, as far as the rule set has them (C10.1, C12)."""
    known = {
        "ministry": office_of(rules, "ministry"),
        "quality_authority": office_of(rules, "quality_authority"),
        "directory": directory_of(rules),
    }
    return {name: text.as_dict() for name, text in known.items() if text is not None}


def same_place(one: str, other: str) -> bool:
    """Whether two addresses are written alike, but for spaces and capitals."""
    return plain(one).casefold() == plain(other).casefold()


def as_text(words: Mapping[str, str]) -> Text:
    """A text of the state, or of a rule set, in three languages."""
    return Text(words["kk"], words["ru"], words["en"])
