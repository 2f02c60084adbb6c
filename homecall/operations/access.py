"""``homecall access``: Kafka's users with access lists and quotas, and MongoDB's with roles, as files to apply."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from homecall.contract.access import DatabaseUser, Grant, Quota, User, database_users, users
from homecall.contract.types import CLINIC_ID
from homecall.operations.failure import Failure


def access(clinics: Sequence[str], form: str, cluster: str, prefix: str) -> None:
    """Print the users of a cluster and what each may do. ``form``: one of FORMS or of DATABASE_FORMS."""
    for clinic in clinics:
        if not CLINIC_ID.fullmatch(clinic):
            raise Failure(f"{clinic}: a clinic's id is lower-case letters, digits and hyphens, at most 40")
    if form in DATABASE_FORMS:
        if clinics:
            raise Failure(f"--format {form} takes no clinics: they have no users of the databases")
        print(DATABASE_FORMS[form](database_users(prefix)), end="")
        return
    print(FORMS[form](users(tuple(clinics)), cluster), end="")


def as_commands(found: Sequence[User], _cluster: str) -> str:
    """A shell script of ``kafka-acls.sh`` and ``kafka-configs.sh``.

    BOOTSTRAP and ADMIN (a properties file) come from the environment.
    """
    script = _COMMANDS
    for user in found:
        lines = [f"acl {' '.join(arguments)}" for arguments in acl_arguments(user)]
        if user.quota is not None:
            lines.append(f"quota {' '.join(quota_arguments(user.name, user.quota))}")
        script += "\n" + "".join(f"{line}\n" for line in lines)
    return script


_COMMANDS = """\
#!/bin/sh
set -eu
: "${BOOTSTRAP:?host:port of the brokers}" "${ADMIN:?properties of an admin}"

acl() { kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --add --force "$@"; }
quota() { kafka-configs.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --alter "$@"; }
"""


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


def quota_arguments(name: str, quota: Quota) -> list[str]:
    config = ",".join(f"{key}={value}" for key, value in asdict(quota).items())
    return ["--entity-type", "users", "--entity-name", name, "--add-config", config]


def as_json(found: Sequence[User], _cluster: str) -> str:
    """A list of users with their grants, and their quotas in Kafka's own names; null is no limit."""
    listed = [
        {
            "user": user.name,
            "grants": [_plain(each) for each in user.grants],
            "quotas": None if user.quota is None else asdict(user.quota),
        }
        for user in found
    ]
    return json.dumps(listed) + "\n"


def as_strimzi(found: Sequence[User], cluster: str) -> str:
    """A KafkaUser for each, as Strimzi's operator takes it; it makes the password, and the secret that holds it."""
    return "".join(_kafka_user(user, cluster) for user in found)


def _kafka_user(user: User, cluster: str) -> str:
    head = f"""---
apiVersion: kafka.strimzi.io/v1
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
    return head + "".join(_strimzi_acl(grant) for grant in user.grants) + _strimzi_quotas(user.quota)


def _strimzi_acl(grant: Grant) -> str:
    named = ""
    if grant.resource != "cluster":
        named = f", name: {grant.name}, patternType: {'prefix' if grant.prefixed else 'literal'}"
    return f"      - resource: {{type: {grant.resource}{named}}}\n        operations: [{', '.join(grant.operations)}]\n"


def _strimzi_quotas(quota: Quota | None) -> str:
    if quota is None:
        return ""
    return (
        "  quotas:\n"
        f"    producerByteRate: {quota.producer_byte_rate}\n"
        f"    consumerByteRate: {quota.consumer_byte_rate}\n"
        f"    requestPercentage: {quota.request_percentage}\n"
    )


def _plain(grant: Grant) -> dict[str, Any]:
    return {
        "resource": grant.resource,
        "name": grant.name,
        "pattern": "prefixed" if grant.prefixed else "literal",
        "operations": list(grant.operations),
    }


def as_mongosh(found: Sequence[DatabaseUser]) -> str:
    """A script of ``mongosh``, safe to run again; each password comes from the environment."""
    return _MONGOSH + "".join(f"user({json.dumps(user.name)}, {json.dumps(_roles(user))});\n" for user in found)


_MONGOSH = """\
// mongosh "$ADMIN_URL" users.js; the password of user x is in PASSWORD_X
const admin = db.getSiblingDB("admin");
function user(name, roles) {
  const pwd = process.env["PASSWORD_" + name.toUpperCase()];
  if (!pwd) throw new Error(`PASSWORD_${name.toUpperCase()} is not set`);
  const all = {pwd, roles, mechanisms: ["SCRAM-SHA-256"]};
  if (admin.getUser(name)) admin.updateUser(name, all);
  else admin.createUser({user: name, ...all});
}
"""


def _roles(user: DatabaseUser) -> list[dict[str, str]]:
    return [{"role": role, "db": database} for role, database in user.roles]


def as_mongodb_json(found: Sequence[DatabaseUser]) -> str:
    """A list of users with their roles, as ``createUser`` takes them."""
    return json.dumps([{"user": user.name, "roles": _roles(user)} for user in found]) + "\n"


def as_operator(found: Sequence[DatabaseUser]) -> str:
    """``spec.users`` of MongoDB's community operator, indented as it stands there; passwords come from secrets."""
    return "".join(_operators_user(user) for user in found)


def _operators_user(user: DatabaseUser) -> str:
    head = f"""    - name: {user.name}
      db: admin
      passwordSecretRef:
        name: homecall-mongodb-{user.name}-password
      scramCredentialsSecretName: {user.name}
      connectionStringSecretName: homecall-mongodb-{user.name}
      roles:
"""
    return head + "".join(f"        - {{name: {role}, db: {database}}}\n" for role, database in user.roles)


FORMS = {"kafka-acls": as_commands, "json": as_json, "strimzi": as_strimzi}
DATABASE_FORMS = {"mongosh": as_mongosh, "mongodb-json": as_mongodb_json, "mongodb-operator": as_operator}
