"""Ids are derived from what caused them: the same on replay, another for anything else."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homecall.contract.ids import cause_id, event_id, visit_id

A, B = "5f0c1d2e-7a1b-4c3d-8e9f-0a1b2c3d4e5f", "3b1f6a90-2c4d-4e8f-a1b3-5c7d9e0f1a2b"
# Ids are for ever: an event that was sent under one must be sent under the same after every release.
CAUSE = "356a5715ac31546da1bad334f28db739"
EVENT = "4fc9dd0a-8bd2-50e8-9767-b32e983e9383"
VISIT = "a7e6f2bd-60e9-50b7-8757-572098c0f6d1"


def test_a_cause_is_a_key_that_a_store_can_take() -> None:
    causation_id = cause_id("urn:clinic:samal-3", "01J9", "request.submitted")
    assert len(causation_id) == 32
    assert not set(causation_id) - set("0123456789abcdef")


@pytest.mark.parametrize(
    "other",
    [
        ("urn:clinic:tal-2", "01J9", "request.submitted"),
        ("urn:clinic:samal-3", "01J8", "request.submitted"),
        ("urn:clinic:samal-3", "01J9", "request.withdrawn"),
    ],
)
def test_another_source_id_or_type_is_another_cause(other: tuple[str, str, str]) -> None:
    assert cause_id(*other) != cause_id("urn:clinic:samal-3", "01J9", "request.submitted")


@pytest.mark.parametrize(
    "other",
    [
        ("c2", "deadline.missed", A, "queue"),
        ("c1", "deadline.approaching", A, "queue"),
        ("c1", "deadline.missed", B, "queue"),
        ("c1", "deadline.missed", A, "answer"),
        ("c1", "deadline.missed", A),
    ],
)
def test_siblings_of_one_cause_have_ids_of_their_own(other: tuple[str, str, str, str]) -> None:
    mine = event_id("c1", "deadline.missed", A, "queue")
    assert event_id(*other) != mine
    assert str(UUID(mine)) == mine


@given(st.text(max_size=20), st.text(max_size=20))
def test_the_same_again_is_the_same(causation_id: str, sibling: str) -> None:
    assert event_id(causation_id, "status.changed", A, sibling) == event_id(causation_id, "status.changed", A, sibling)


def test_a_request_has_one_visit_id_for_its_whole_life() -> None:
    assert visit_id(A) == visit_id(A) != visit_id(B)


def test_they_stay_as_they_are_over_releases() -> None:
    assert cause_id("urn:clinic:samal-3", "01J9", "request.submitted") == CAUSE
    assert event_id("c1", "deadline.missed", A, "queue") == EVENT
    assert visit_id(A) == VISIT
