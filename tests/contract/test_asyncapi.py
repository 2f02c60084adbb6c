"""The AsyncAPI document: right by AsyncAPI's own schema, and the same as the topics, the models and the examples."""

import copy
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from homecall.contract.asyncapi import document, golden
from homecall.contract.envelope import outgoing
from homecall.contract.events import MODELS, AnswerGiven
from homecall.contract.topics import DESK, SERVICES, TOPIC_OF_TYPE, TOPICS, read_by
from tests.contract.goldens import INBOUND, OUTBOUND

SPECS = "6.11.1"
"""The version of npm's ``@asyncapi/specs``, which holds AsyncAPI's own JSON Schema."""
CACHE = Path(__file__).parents[2] / ".stack" / f"asyncapi-specs-{SPECS}.json"


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return document()


@pytest.fixture(scope="module")
def asyncapis_own(tmp_path_factory: pytest.TempPathFactory) -> Draft7Validator:
    """AsyncAPI's JSON Schema of 3.0.0: fetched once with npm, then kept."""
    if not CACHE.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not here: AsyncAPI's own schema cannot be fetched")
        fetched = tmp_path_factory.mktemp("specs")
        command = [npm, "pack", "--silent", f"@asyncapi/specs@{SPECS}", "--pack-destination", str(fetched)]
        if subprocess.run(command, capture_output=True, check=False, timeout=120).returncode != 0:
            pytest.skip(f"npm could not fetch @asyncapi/specs {SPECS}")
        archive = next(fetched.glob("*.tgz")).read_bytes()
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            member = tar.extractfile("package/schemas/3.0.0.json")
            assert member is not None
            (fetched / "schema.json").write_bytes(member.read())
        CACHE.parent.mkdir(exist_ok=True)
        shutil.move(fetched / "schema.json", CACHE)
    return Draft7Validator(json.loads(CACHE.read_text("utf-8")))


def objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from objects(child)


def without_examples(node: Any) -> Any:
    """The document without data of events, in which anything may stand."""
    if isinstance(node, dict):
        return {key: without_examples(value) for key, value in node.items() if key != "examples"}
    return [without_examples(each) for each in node] if isinstance(node, list) else node


def resolved(spec: dict[str, Any], reference: str) -> Any:
    node: Any = spec
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def payload_validator(spec: dict[str, Any], event_type: str) -> Draft7Validator:
    message = spec["components"]["messages"][event_type]
    return Draft7Validator({**message["payload"], "components": spec["components"]})


def reachable(spec: dict[str, Any], schema: Any) -> Iterator[dict[str, Any]]:
    """The schema and all that it refers to."""
    waiting, seen = [schema], set()
    while waiting:
        for node in objects(waiting.pop()):
            yield node
            reference = node.get("$ref")
            if reference is not None and reference not in seen:
                seen.add(reference)
                waiting.append(resolved(spec, reference))


def test_asyncapis_own_schema_finds_nothing(spec: dict[str, Any], asyncapis_own: Draft7Validator) -> None:
    assert [f"{list(error.absolute_path)}: {error.message[:200]}" for error in asyncapis_own.iter_errors(spec)] == []


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("asyncapi",), "2.6.0"),
        (("channels", "requests", "bindings", "kafka", "partitions"), "six"),
        (("operations", "intake.receives.requests", "action"), "listen"),
        (("components", "messages", "visit.reported", "contentType"), 7),
        (("components", "schemas", "Patient", "properties", "sex"), {"type": "text"}),
        (("servers", "kafka", "host"), None),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else None,
)
def test_asyncapis_own_schema_does_find_what_is_wrong(
    spec: dict[str, Any], asyncapis_own: Draft7Validator, where: tuple[str, ...], value: Any
) -> None:
    broken = copy.deepcopy(spec)
    parent = broken
    for part in where[:-1]:
        parent = parent[part]
    parent[where[-1]] = value
    assert not asyncapis_own.is_valid(broken)


def test_every_reference_leads_somewhere_and_stands_alone(spec: dict[str, Any]) -> None:
    references = [node for node in objects(without_examples(spec)) if "$ref" in node]
    assert len(references) > 100
    for node in references:
        assert resolved(spec, node["$ref"]) is not None
        assert len(node) == 1, "in draft 07 what stands beside a $ref is not read"


def test_the_document_is_the_same_in_every_process(spec: dict[str, Any]) -> None:
    program = "import json; from homecall.contract.asyncapi import document; print(json.dumps(document()))"
    for seed in ("1", "2"):
        made = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        )
        assert made.stdout.decode().strip() == json.dumps(spec)


def test_channels_are_the_topics(spec: dict[str, Any]) -> None:
    channels = {channel["address"]: channel for channel in spec["channels"].values()}
    assert list(channels) == [topic.name for topic in TOPICS]
    for topic in TOPICS:
        channel = channels[topic.name]
        kafka = channel["bindings"]["kafka"]
        assert (kafka["topic"], kafka["partitions"]) == (topic.name, topic.partitions)
        told = {
            name: ",".join(value) if isinstance(value, list) else str(value)
            for name, value in kafka["topicConfiguration"].items()
        }
        assert told == topic.config()
        assert channel["x-personal-ids"] is topic.personal_ids
        assert f"`{topic.key}`" in channel["description"] or not topic.key
        assert list(channel["messages"]) == list(topic.types or ("dead-letter",))


def test_operations_are_what_the_services_hear_and_say(spec: dict[str, Any]) -> None:
    receives = {(service, topic.name) for service in SERVICES for topic in read_by(service)}
    sends = {(service, topic.name) for service in SERVICES for topic in TOPICS if service in topic.writers}
    found: dict[str, set[tuple[str, str]]] = {"receive": set(), "send": set()}
    for name, operation in spec["operations"].items():
        service, verb, short = name.split(".")
        channel = resolved(spec, operation["channel"]["$ref"])
        assert verb == f"{operation['action']}s"
        assert channel["address"] == f"homecall.{short}.v1"
        assert [each["$ref"].rsplit("/", 1)[1] for each in operation["messages"]] == list(channel["messages"])
        found[operation["action"]].add((service, channel["address"]))
        group = operation.get("bindings", {}).get("kafka", {}).get("groupId", {}).get("const")
        heard_in_a_group = operation["action"] == "receive" and short != "clinics"
        assert group == (f"homecall-{service}" if heard_in_a_group else None)
    assert found == {"receive": receives, "send": sends}


def test_every_type_is_a_message_with_its_schema_and_all_its_examples(spec: dict[str, Any]) -> None:
    messages = spec["components"]["messages"]
    assert set(messages) == {*MODELS, "dead-letter"}
    for event_type in MODELS:
        message = messages[event_type]
        assert message["payload"] == {"$ref": f"#/components/schemas/{MODELS[event_type].__name__}"}
        assert [each["payload"] for each in message["examples"]] == [
            each["data"] for each in golden(event_type)["valid"]
        ]
        assert message["headers"]["properties"]["ce_type"]["const"] == f"kz.homecall.{event_type}"
        assert TOPIC_OF_TYPE[event_type].key in message["bindings"]["kafka"]["key"]["description"]


def test_everything_is_described(spec: dict[str, Any]) -> None:
    for name, schema in spec["components"]["schemas"].items():
        assert schema.get("description"), f"{name} has no docstring"
    for message in spec["components"]["messages"].values():
        assert message["summary"]
        assert message["description"]


@pytest.mark.parametrize("event_type", MODELS)
def test_examples_hold_against_the_schemas(spec: dict[str, Any], event_type: str) -> None:
    message = spec["components"]["messages"][event_type]
    payload, headers = payload_validator(spec, event_type), Draft7Validator(message["headers"])
    for example in message["examples"]:
        assert [error.message for error in payload.iter_errors(example["payload"])] == []
        assert [error.message for error in headers.iter_errors(example["headers"])] == []


BEYOND_JSON_SCHEMA = {
    "A break that reaches beyond the shift",
    "Two breaks in one another",
    "An interval that ends before it begins",
    "Intervals of one day that overlap",
    "A closed date that does not exist, and one with a time",
    "A working date whose hours end before they begin",
    "A shift that ends before it begins",
    "The same doctor twice",
    "The IIN fails its check digit (two digits changed places)",
    "An IIN that can have no check digit",
    "A time that does not exist",
    "Nothing is complained of",
    "To the clinic where the call is",
}


@pytest.mark.parametrize("event_type", INBOUND)
def test_the_schemas_find_what_a_schema_can_find(spec: dict[str, Any], event_type: str) -> None:
    payload = payload_validator(spec, event_type)
    for example in golden(event_type)["invalid"]:
        if example["title"] not in BEYOND_JSON_SCHEMA:
            assert not payload.is_valid(example["data"]), example["title"]


def test_schemas_are_of_draft_07(spec: dict[str, Any]) -> None:
    later = {"prefixItems", "$defs", "dependentRequired", "unevaluatedProperties", "minContains", "$dynamicRef"}
    for schema in spec["components"]["schemas"].values():
        Draft7Validator.check_schema(schema)
        for node in objects(without_examples(schema)):
            assert not later & node.keys()


def test_fields_have_the_names_of_the_wire(spec: dict[str, Any]) -> None:
    schemas = spec["components"]["schemas"]
    assert set(schemas["Interval"]["properties"]) == {"from", "to"}
    assert "from" in schemas["DoctorUnavailable"]["required"]
    assert not any("frm" in node for node in objects(without_examples(spec)))


@pytest.mark.parametrize("event_type", OUTBOUND)
def test_what_we_send_is_told_without_nulls_and_with_all_that_is_always_there(
    spec: dict[str, Any], event_type: str
) -> None:
    message = spec["components"]["messages"][event_type]
    for node in reachable(spec, message["payload"]):
        assert node.get("type") != "null"
    assert {"ce_time", "ce_subject", "content-type"} <= set(message["headers"]["required"])
    schema = resolved(spec, message["payload"]["$ref"])
    lists_of_ours = {"red_flags", "flags", "next_steps"} & schema["properties"].keys()
    assert lists_of_ours <= set(schema["required"])


def test_what_others_send_may_have_nulls_and_leave_out_defaults(spec: dict[str, Any]) -> None:
    clinic = spec["components"]["schemas"]["ClinicPublished"]
    assert {"type": "null"} in clinic["properties"]["hours"]["anyOf"]
    assert not {"hours", "closed_dates", "oral_confirmation"} & set(clinic["required"])
    assert clinic["properties"]["oral_confirmation"]["default"] is False


def test_no_iin_and_no_document_leaves_the_marked_channels(spec: dict[str, Any]) -> None:
    personal = {"iin", "identity_document", "signature"}
    carriers = set()
    for event_type in MODELS:
        message = spec["components"]["messages"][event_type]
        if any(personal & node.get("properties", {}).keys() for node in reachable(spec, message["payload"])):
            carriers.add(event_type)
            assert message["x-personal-ids"] is True
    assert carriers == {"request.submitted", "complaint.submitted"}


def test_dead_letters_say_why_and_where_from(spec: dict[str, Any]) -> None:
    headers = spec["components"]["messages"]["dead-letter"]["headers"]
    names = {"reason", "detail", "topic", "partition", "offset", "service"}
    assert set(headers["required"]) == set(headers["properties"]) == {f"homecall-dead-{name}" for name in names}


def test_what_the_desk_publishes_is_what_clinics_publish_under_its_own_source(spec: dict[str, Any]) -> None:
    sent = {
        reference["$ref"].rpartition("/")[2]
        for name, operation in spec["operations"].items()
        if name.startswith("desk.sends.")
        for reference in operation["messages"]
    }
    # Nothing of its own: who has read clinics' events reads the desk's.
    assert sent == {event_type for topic in TOPICS if "clinic" in topic.writers for event_type in topic.types} - {
        "clinic.published"
    }
    for event_type, message in spec["components"]["messages"].items():
        sources = message["headers"]["properties"]["ce_source"]["examples"] if event_type in MODELS else []
        assert ("/homecall/desk" in sources) == (event_type in sent), event_type
    given = AnswerGiven.model_validate(golden("answer.given")["valid"][0]["data"])
    record = outgoing(given, service=DESK, causation_id="0" * 32, time="2026-11-23T09:14:05+05:00")
    headers = spec["components"]["messages"]["answer.given"]["headers"]["properties"]
    assert record.source in headers["ce_source"]["examples"]
