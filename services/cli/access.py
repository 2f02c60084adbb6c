"""``homecall access``: Kafka's users and access lists, as files to apply."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from services.cli.failure import Failure
from services.contract.access import Grant, User, users
from services.contract.types import CLINIC_ID


def access(clinics: Sequence[str], form: str, cluster: str) -> None:
    """Print the users of a cluster and what each may do. ``form``: kafka-acls, json or strimzi."""
    for clinic in clinics:
        if not CLINIC_ID.fullmatch(clinic):
            raise Failure(f"{clinic}: a clinic's id is lower-case letters, digits and hyphens, at most 40")
    found = users(tuple(clinics))
    print(FORMS[form](found, cluster), end="")


def as_commands(found: Sequence[User], _cluster: str) -> str:
    """A shell script of ``kafka-acls.sh``; BOOTSTRAP and ADMIN (a properties file) come from the environment."""
    lines = [
        "#!/bin/sh",
        "set -eu",
        ': "${BOOTSTRAP:?host:port of the brokers}" "${ADMIN:?properties of an admin}"',
        "",
    ]
    lines.append(
        'acl() { kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --add --force "$@"; }'
    )
    for user in found:
        lines.append("")
        lines += [f"acl {' '.join(arguments)}" for arguments in acl_arguments(user)]
    return "\n".join(lines) + "\n"


def acl_arguments(user: User) -> Iterator[list[str]]:
    """The arguments of ``kafka-acls.sh`` for each of a user's grants; those of like operations are put together."""
    together: dict[tuple[str, tuple[str, ...], bool], list[str]] = {}
    for grant in user.grants:
        together.setdefault((grant.resource, grant.operations, grant.prefixed), []).append(grant.name)
    for (resource, operations, prefixed), names in together.items():
        arguments = ["--allow-principal", f"User:{user.name}"]
        for operation in operations:
            arguments += ["--operation", operation]
        for name in names:
            arguments += ["--cluster"] if resource == "cluster" else [f"--{resource}", name]
        yield arguments + (["--resource-pattern-type", "prefixed"] if prefixed else [])


def as_json(found: Sequence[User], _cluster: str) -> str:
    """A list of users with their grants."""
    return json.dumps([{"user": user.name, "grants": [_plain(each) for each in user.grants]} for user in found]) + "\n"


def as_strimzi(found: Sequence[User], cluster: str) -> str:
    """A KafkaUser for each, as Strimzi's operator takes it; it makes the password, and the secret that holds it."""
    return "".join(_kafka_user(user, cluster) for user in found)


def _kafka_user(user: User, cluster: str) -> str:
    head = f"""---
apiVersion: kafka.strimzi.io/v1beta2
kind: KafkaUser
metadata:
  name: {user.name}
  labels:
    strimzi.io/cluster: {cluster}
spec:
  authentication:
    type: scram-sha-512
  authorization:
    type: simple
    acls:
"""
    return head + "".join(_strimzi_acl(grant) for grant in user.grants)


def _strimzi_acl(grant: Grant) -> str:
    named = ""
    if grant.resource != "cluster":
        named = f", name: {grant.name}, patternType: {'prefix' if grant.prefixed else 'literal'}"
    return f"      - resource: {{type: {grant.resource}{named}}}\n        operations: [{', '.join(grant.operations)}]\n"


def _plain(grant: Grant) -> dict[str, Any]:
    return {
        "resource": grant.resource,
        "name": grant.name,
        "pattern": "prefixed" if grant.prefixed else "literal",
        "operations": list(grant.operations),
    }


FORMS = {"kafka-acls": as_commands, "json": as_json, "strimzi": as_strimzi}
