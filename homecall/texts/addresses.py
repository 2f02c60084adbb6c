"""The addresses that people are told, as the rule set has them (C10.1, C12), as texts. Pure."""

from __future__ import annotations

from homecall.standard.rules import RuleSet, Words
from homecall.texts.language import Text

_SECTION = Text("{site}, {section} бөлімі", "{site}, раздел {section}", "{site}, section {section}")


def text_of(words: Words) -> Text:
    """Words of a rule set as a text."""
    return Text(words.kk, words.ru, words.en)


def office_of(rules: RuleSet, addressee: str) -> Text | None:
    """The address of ``ministry`` or ``quality_authority``; None where it is not known."""
    office = rules.offices.of(addressee)
    return None if office is None else text_of(office.address)


def ministry_of(rules: RuleSet) -> Text | None:
    """The Ministry's address (C10.1)."""
    return office_of(rules, "ministry")


def directory_of(rules: RuleSet) -> Text | None:
    """The site, and its section, with the addresses of clinics and the telephones for enquiries (C12, C15)."""
    directory = rules.directory
    return None if directory is None else _SECTION.fill(site=directory.site, section=text_of(directory.section))
