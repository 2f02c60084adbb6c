"""No IIN stands in an event of ours, whatever was sent and wherever somebody typed it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.contract.envelope import Incoming, Unreadable
from services.intake.domain.numbered import with_number
from tests.unit.intake.office import DINARA, PAVEL, SERIK, decide, incoming, request, submitted

_spaced = st.builds(
    lambda iin, gaps: "".join(digit + gap for digit, gap in zip(iin, [*gaps, ""], strict=True)),
    st.sampled_from([SERIK, DINARA, PAVEL]),
    st.lists(st.sampled_from(["", "", "", " ", "-", " - "]), min_size=11, max_size=11),
)
_texts = st.builds(
    lambda before, iin, after: before + iin + after,
    st.text("ИИН iin:+ 0123456789", max_size=14),
    _spaced,
    st.text(" ./,0123456789а", max_size=14),
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = [
    ("note",),
    ("address", "text"),
    ("address", "flat"),
    ("address", "entrance"),
    ("address", "district_id"),
    ("registrar", "id"),
    ("registrar", "full_name"),
    ("patient", "full_name"),
    ("patient", "phone"),
    ("applicant", "full_name"),
    ("applicant", "phone"),
    ("applicant", "authority", "number"),
    ("identity_document", "number"),
    ("identity_document", "kind"),
]
_RIGGED = [
    *_FIELDS,
    ("channel",),
    ("reasons",),
    ("patient",),
    ("address",),
    ("registrar",),
    ("applicant",),
    ("temperature_c",),
]


def full() -> dict[str, Any]:
    """A request with all that one may hold."""
    return request(
        "Fri 2026-11-20 12:00",
        "desk",
        applicant={
            "iin": DINARA,
            "full_name": "Сынақ Динара",
            "authority": {"kind": "power_of_attorney", "number": "2026-118"},
        },
        registrar={"id": "r-12", "full_name": "Сынақ Тіркеуші"},
        note="қызуы көтерілді",
        patient={"phone": "+7 700 000 01 23"},
    )


def put(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    *above, last = path
    for name in above:
        data = data[name] if isinstance(data.get(name), dict) else data.setdefault(name, {})
    data[last] = value


def plain(text: str) -> str:
    return "".join(each for each in text if each not in " -")


def all_said(event: Incoming) -> list[str]:
    """Every event that the request leads to, as text."""
    decision = decide(event)
    assert decision.state is not None
    says = list(decision.says)
    if decision.state.pending:
        _, said = with_number(decision.state, 1)
        says += [say for _, each in said for say in each]
    assert says
    return [json.dumps(json.loads(say.data.to_json()), ensure_ascii=False) for say in says]


@given(st.dictionaries(st.sampled_from(_FIELDS), _texts, min_size=1))
def test_none_of_the_requests_own_iins_in_what_is_accepted(typed: dict[tuple[str, ...], str]) -> None:
    data = full()
    for path, text in typed.items():
        put(data, path, text[:40])
    for text in all_said(incoming("request.submitted", data)):
        assert SERIK not in plain(text)
        assert DINARA not in plain(text)


@given(st.dictionaries(st.sampled_from(_RIGGED), _json, min_size=1, max_size=6))
def test_whatever_stands_in_its_fields_it_is_answered_and_without_iins(rigged: dict[tuple[str, ...], Any]) -> None:
    # Whole parts first: a field inside one that is no object any more has nowhere to stand.
    data = full()
    for path, value in sorted(rigged.items(), key=lambda item: len(item[0])):
        if all(isinstance(data.get(name), dict) for name in path[:1] if len(path) > 1):
            put(data, path, value)
    try:
        event = incoming("request.submitted", data)
    except Unreadable:
        return  # not JSON in UTF-8: nothing is said of it at all
    own = [
        part["iin"] for part in (data.get("patient"), data.get("applicant")) if isinstance(part, dict) and "iin" in part
    ]
    for text in all_said(event):
        assert not any(iin in plain(text) for iin in own if isinstance(iin, str))


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        (f"ИИН {SERIK}", "ИИН ************"),
        (f"ИИН {SERIK[:6]} {SERIK[6:]}", "ИИН ************"),
        (f"{SERIK}0", "************0"),
        (f"ана: {PAVEL}", "ана: ************"),
        ("тел. 87000000123", "тел. 87000000123"),
    ],
)
def test_what_is_hidden_in_a_note(typed: str, shown: str) -> None:
    state = decide(submitted("Fri 2026-11-20 12:00", note=typed)).state
    assert state is not None
    assert state.request["note"] == shown


def test_a_neighbouring_countrys_phone_has_twelve_digits_and_stays() -> None:
    state = decide(submitted("Fri 2026-11-20 12:00", patient={"phone": "+998900000123"})).state
    assert state is not None
    assert state.request["patient"]["phone"] == "+998900000123"


def test_documents_and_the_signature_stay_here() -> None:
    data = full() | {"signature": {"format": "cms", "value": "SECRET"}}
    for text in all_said(incoming("request.submitted", data)):
        assert not any(secret in text for secret in ("SECRET", "000000017", "2026-118", "identity_card"))


@pytest.mark.parametrize("number", ["2026-11", "20261123", "1985-07-15", "0715T0", "000000", "portal"])
@pytest.mark.parametrize("broken", [False, True])
def test_c9_1_a_documents_number_that_stands_in_a_date_breaks_neither_the_date_nor_the_request(
    number: str, broken: bool
) -> None:
    data = request(
        "Mon 2026-11-23 10:00",
        "portal",
        patient={"birth_date": "1985-07-15", "sex": ["?"] if broken else "male"},
        note=f"сенімхат {number}",
        queued_at="2026-11-23T09:55:00+05:00",
        applicant={
            "iin": DINARA,
            "full_name": "Сынақ Динара",
            "authority": {"kind": "power_of_attorney", "number": number, "valid_until": "2026-11-23"},
        },
    )
    decision = decide(incoming("request.submitted", data))
    assert decision.state is not None
    assert decision.state.status == ("refused" if broken else "accepted")
    facts = decision.state.request
    assert (facts["submitted_at"], facts["queued_at"]) == ("2026-11-23T10:00:00+05:00", "2026-11-23T09:55:00+05:00")
    assert (facts["channel"], facts["applicant"]["authority"]["valid_until"]) == ("portal", "2026-11-23")
    assert facts["patient"]["birth_date"] == "1985-07-15"
    # In free text it is hidden as ever.
    assert facts["note"] == "сенімхат ************"
    if not broken:
        _state, said = with_number(decision.state, 1)
        assert said[0][1][0].data.TYPE == "request.accepted"
