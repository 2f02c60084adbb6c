"""Access lists are the table of topics, party by party, and nothing beyond it; senders get their keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.access import FORMS, acl_arguments
from services.cli.failure import Failure
from services.cli.main import app
from services.contract.access import Grant, users
from services.contract.topics import DEAD_LETTERS, SERVICES, TOPICS
from services.runtime.senders import read_senders

USERS = {user.name: user for user in users(("samal-1", "samal-2"))}
RUN = CliRunner()


def topics(name: str, operation: str) -> set[str]:
    grants = (each for each in USERS[name].grants if each.resource == "topic")
    return {each.name for each in grants if operation in each.operations}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_and_writes_what_the_table_says(service: str) -> None:
    assert topics(f"homecall-{service}", "Read") == {each.name for each in TOPICS if service in each.readers}
    assert topics(f"homecall-{service}", "Write") == {each.name for each in TOPICS if service in each.writers}
    assert Grant("group", f"homecall-{service}", ("Read", "Describe")) in USERS[f"homecall-{service}"].grants


def test_who_may_read_iins_is_a_short_list() -> None:
    personal = {topic.name for topic in TOPICS if topic.personal_ids}
    readers = {name for name in USERS if topics(name, "Read") & personal}
    assert readers == {"homecall-intake", "homecall-complaints", "operators"}
    assert topics("operators", "Read") & personal == {DEAD_LETTERS.name}


def test_a_clinic_writes_what_clinics_write_and_reads_its_register_alone() -> None:
    assert topics("clinic-samal-1", "Write") == {topic.name for topic in TOPICS if "clinic" in topic.writers}
    assert topics("clinic-samal-1", "Read") == {"homecall.journal.v1"}
    groups = [each for each in USERS["clinic-samal-1"].grants if each.resource == "group"]
    assert groups == [Grant("group", "clinic-samal-1-", ("Read", "Describe"), prefixed=True)]


def test_nobody_outside_writes_what_the_services_say() -> None:
    ours = {topic.name for topic in TOPICS if set(topic.writers) <= set(SERVICES)}
    for name in USERS:
        if not name.startswith("homecall-") and name != "operators":
            assert not topics(name, "Write") & ours, name


def test_operators_send_dead_letters_back_to_whatever_is_read() -> None:
    heard = {topic.name for topic in TOPICS if set(topic.readers) & set(SERVICES)}
    assert topics("operators", "Write") == heard


def test_each_form_says_the_same() -> None:
    found = users(("samal-1",))
    listed = json.loads(FORMS["json"](found, "c"))
    assert [each["user"] for each in listed] == [user.name for user in found]
    script = FORMS["kafka-acls"](found, "c")
    strimzi = FORMS["strimzi"](found, "c")
    for user in found:
        assert f"User:{user.name} " in script
        assert f"  name: {user.name}\n" in strimzi
        arguments = [each for line in acl_arguments(user) for each in line]
        for grant in user.grants:
            if grant.resource != "cluster":
                assert grant.name in arguments
                assert f"name: {grant.name}," in strimzi


def test_a_clinic_id_that_is_none_is_told() -> None:
    result = RUN.invoke(app, ["access", "Samal 1"])
    assert isinstance(result.exception, Failure)
    assert "lower-case letters" in str(result.exception)


def new(tmp_path: Path, name: str, private: str, *more: str) -> Any:
    command = ["senders", "new", name, "--file", str(tmp_path / "senders.json"), "--private", str(tmp_path / private)]
    return RUN.invoke(app, [*command, *more])


def test_a_sender_gets_a_key_and_later_one_more(tmp_path: Path) -> None:
    assert new(tmp_path, "samal-1", "one.pem").exit_code == 0
    assert new(tmp_path, "portal", "portal.pem", "--clinic", "*", "--type", "request.submitted").exit_code == 0
    found = read_senders((tmp_path / "senders.json").read_text("utf-8"))
    assert found["samal-1"].writes_for("samal-1")
    assert not found["samal-1"].writes_for("samal-2")
    assert found["portal"].writes_for("samal-2")
    assert new(tmp_path, "samal-1", "two.pem").exit_code == 0
    again = read_senders((tmp_path / "senders.json").read_text("utf-8"))["samal-1"]
    assert len(again.keys) == 2
    assert again.clinics == {"samal-1"}
    assert (tmp_path / "one.pem").stat().st_mode & 0o777 == 0o600
    shown = RUN.invoke(app, ["senders", "list", "--file", str(tmp_path / "senders.json")]).stdout
    assert "samal-1\tsamal-1\tall types\t2 key(s)" in shown


def test_a_private_key_is_never_written_over_and_nothing_else_changes(tmp_path: Path) -> None:
    assert new(tmp_path, "samal-1", "one.pem").exit_code == 0
    before = (tmp_path / "one.pem").read_bytes(), (tmp_path / "senders.json").read_bytes()
    result = new(tmp_path, "samal-2", "one.pem")
    assert "is there already" in str(result.exception)
    assert ((tmp_path / "one.pem").read_bytes(), (tmp_path / "senders.json").read_bytes()) == before


def test_a_type_that_is_none_is_told_and_nothing_is_made(tmp_path: Path) -> None:
    result = new(tmp_path, "samal-1", "one.pem", "--type", "request.sent")
    assert "request.sent is none of the contract" in str(result.exception)
    assert list(tmp_path.iterdir()) == []
