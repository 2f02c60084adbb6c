"""How and where an answer is had, and what counts as an address (C10.1, C10.5)."""

from __future__ import annotations

from typing import Final, NamedTuple

from homecall.contract.events import AnswerBy, ClinicPublished, ComplaintStage
from homecall.standard.rules import RuleSet
from homecall.texts.addresses import directory_of, office_of
from homecall.texts.language import Text, plain

_ADDRESS_SIGNS: Final = 4


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


def office(stage: ComplaintStage, clinic: ClinicPublished | None, rules: RuleSet) -> Text | None:
    """Where an answer of this stage is handed over: the addressee's own address (C10.1, C10.5). None: not known."""
    if stage == "clinic":
        return None if clinic is None else Text(clinic.address, clinic.address, clinic.address)
    return office_of(rules, stage)


def contacts(rules: RuleSet) -> dict[str, Text]:
    """The addresses that the next steps name, as far as the rule set has them (C10.1, C12)."""
    known = {
        "ministry": office_of(rules, "ministry"),
        "quality_authority": office_of(rules, "quality_authority"),
        "directory": directory_of(rules),
    }
    return {name: text for name, text in known.items() if text is not None}


def same_place(one: str, other: str) -> bool:
    """Whether two addresses are written alike, but for spaces and capitals."""
    return plain(one).casefold() == plain(other).casefold()
