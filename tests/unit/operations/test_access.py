"""Access lists are the table of topics, party by party, and nothing beyond it; senders get their keys."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from homecall.cli.main import app
from homecall.contract.access import QUOTAS, Grant, database_users, users
from homecall.contract.topics import DEAD_LETTERS, SERVICES, TOPICS
from homecall.operations.access import FORMS, acl_arguments, quota_arguments
from homecall.operations.failure import Failure
from homecall.runtime.kafka.senders import read_senders

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
    assert readers == {"homecall-intake", "homecall-complaints", "homecall-desk", "operators"}
    assert topics("operators", "Read") & personal == {DEAD_LETTERS.name}


def test_a_clinic_writes_what_clinics_write_and_reads_its_register_alone() -> None:
    assert topics("clinic-samal-1", "Write") == {topic.name for topic in TOPICS if "clinic" in topic.writers}
    assert topics("clinic-samal-1", "Read") == {"homecall.journal.v1"}
    groups = [each for each in USERS["clinic-samal-1"].grants if each.resource == "group"]
    assert groups == [Grant("group", "clinic-samal-1-", ("Read", "Describe"), prefixed=True)]


@pytest.mark.parametrize("party", ["ministry", "quality-authority"])
def test_who_acts_on_complaints_beside_the_clinics_writes_them_and_reads_how_they_move(party: str) -> None:
    assert topics(party, "Write") == {"homecall.complaints.v1"}
    assert topics(party, "Read") == {"homecall.complaint-status.v1"}
    groups = [each for each in USERS[party].grants if each.resource == "group"]
    assert groups == [Grant("group", f"{party}-", ("Read", "Describe"), prefixed=True)]


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
    for user, plain in zip(found, listed, strict=True):
        assert f"User:{user.name} " in script
        assert f"  name: {user.name}\n" in strimzi
        assert plain["quotas"] == (None if user.quota is None else asdict(user.quota))
        if user.quota is not None:
            assert f"quota {' '.join(quota_arguments(user.name, user.quota))}\n" in script
        arguments = [each for line in acl_arguments(user) for each in line]
        for grant in user.grants:
            if grant.resource != "cluster":
                assert grant.name in arguments
                assert f"name: {grant.name}," in strimzi


def test_who_is_outside_has_a_quota_and_the_services_have_none() -> None:
    """A flood is held where it comes in; what the services say of it must not be held too."""
    limited = {name for name, user in USERS.items() if user.quota is not None}
    assert limited == {name for name in USERS if not name.startswith("homecall-")}
    assert USERS["clinic-samal-1"].quota == QUOTAS["clinic"]
    strimzi = {each["metadata"]["name"]: each["spec"] for each in yaml.safe_load_all(FORMS["strimzi"](users(), "c"))}
    assert strimzi["portal"]["quotas"] == {
        "producerByteRate": QUOTAS["portal"].producer_byte_rate,
        "consumerByteRate": QUOTAS["portal"].consumer_byte_rate,
        "requestPercentage": QUOTAS["portal"].request_percentage,
    }
    assert "quotas" not in strimzi["homecall-intake"]


def test_each_service_has_its_own_database_and_no_other() -> None:
    roles = {user.name: user.roles for user in database_users("x")}
    assert {name: roles[name] for name in SERVICES} == {name: (("readWrite", f"x_{name}"),) for name in SERVICES}
    assert {role for role, _ in roles["reconcile"]} == {"read"}
    writers = {name for name, each in roles.items() if len([role for role, _ in each if role == "readWrite"]) > 1}
    assert writers == {"erase", "migrate"}


def test_the_forms_for_the_databases_say_the_same() -> None:
    listed = json.loads(RUN.invoke(app, ["access", "--format", "mongodb-json", "--prefix", "x"]).stdout)
    operators = yaml.safe_load(RUN.invoke(app, ["access", "--format", "mongodb-operator", "--prefix", "x"]).stdout)
    expected = {user.name: {f"{role} {database}" for role, database in user.roles} for user in database_users("x")}
    assert {user["user"]: {f"{each['role']} {each['db']}" for each in user["roles"]} for user in listed} == expected
    assert {user["name"]: {f"{each['name']} {each['db']}" for each in user["roles"]} for user in operators} == expected


def test_the_script_for_mongosh_makes_users_and_changes_those_that_are_there(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("the script is JavaScript, and node is not here")
    script = RUN.invoke(app, ["access", "--format", "mongosh"]).stdout
    program = f"""
const made = [];
const admin = {{
  getUser: name => name === "backup" || null,
  createUser: user => made.push(["create", user]),
  updateUser: (name, all) => made.push(["update", name, all]),
}};
const db = {{ getSiblingDB: () => admin }};
(() => {{
{script.replace("const admin = ", "const the_same = ")}
}})();
console.log(JSON.stringify(made));
"""
    (tmp_path / "run.js").write_text(program, "utf-8")
    names = [user.name for user in database_users()]
    env = {f"PASSWORD_{name.upper()}": f"of {name}" for name in names}
    done = subprocess.run([node, tmp_path / "run.js"], env=env, capture_output=True, text=True, check=True)
    *created, updated = json.loads(done.stdout)
    for (kind, made), user in zip(created, database_users(), strict=False):
        roles = [{"role": role, "db": database} for role, database in user.roles]
        assert (kind, made) == (
            "create",
            {"user": user.name, "pwd": f"of {user.name}", "roles": roles, "mechanisms": ["SCRAM-SHA-256"]},
        )
    assert updated[:2] == ["update", "backup"]
    without = subprocess.run([node, tmp_path / "run.js"], env={}, capture_output=True, text=True, check=False)
    assert without.returncode != 0
    assert "PASSWORD_INTAKE is not set" in without.stderr


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
    assert ["samal-1", "samal-1", "all", "types", "2"] in [line.split() for line in shown.splitlines()]


def test_a_private_key_is_never_written_over_and_nothing_else_changes(tmp_path: Path) -> None:
    assert new(tmp_path, "samal-1", "one.pem").exit_code == 0
    before = (tmp_path / "one.pem").read_bytes(), (tmp_path / "senders.json").read_bytes()
    result = new(tmp_path, "samal-2", "one.pem")
    assert "is there already" in str(result.exception)
    assert ((tmp_path / "one.pem").read_bytes(), (tmp_path / "senders.json").read_bytes()) == before


def test_a_sender_gets_the_stages_in_which_it_acts(tmp_path: Path) -> None:
    assert new(tmp_path, "ministry", "m.pem", "--clinic", "*", "--stage", "ministry").exit_code == 0
    assert new(tmp_path, "samal-1", "one.pem").exit_code == 0
    found = read_senders((tmp_path / "senders.json").read_text("utf-8"))
    assert found["ministry"].stages == {"ministry"}
    assert found["samal-1"].authority.stages == {"clinic"}
    shown = RUN.invoke(app, ["senders", "list", "--file", str(tmp_path / "senders.json")]).stdout
    assert "all types; complaints at ministry" in shown
    result = new(tmp_path, "court", "c.pem", "--stage", "court")
    assert "stages: court is none of clinic, ministry, quality_authority" in str(result.exception)


def test_a_type_that_is_none_is_told_and_nothing_is_made(tmp_path: Path) -> None:
    result = new(tmp_path, "samal-1", "one.pem", "--type", "request.sent")
    assert "request.sent is none of the contract" in str(result.exception)
    assert list(tmp_path.iterdir()) == []
