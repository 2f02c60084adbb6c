"""TLS, passwords and roles before a database that has none of them: for tests, and no way to keep anything safe.

    python mongo_front.py --listen 127.0.0.1:27018 --to 127.0.0.1:27017 --users users.json --cert PEM --client-ca PEM

It speaks to the driver as MongoDB does: SCRAM-SHA-256 (RFC 5802, RFC 7677) by code of its own, so that the driver's is
held against another than itself, then every command by the roles of its user (``read``, ``readWrite``, ``root``), and
passes on what is let through, a message at a time. TLS, and a client's certificate, are asked for with the last two.
``users.json`` is a list of what ``createUser`` takes: ``user``, ``pwd``, and ``roles`` with ``role`` and ``db``.

It is not MongoDB: names and passwords are ASCII, users are those of the file, and an action that stands in neither
list below is refused.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import secrets
import ssl
import struct
from pathlib import Path
from typing import Any

import bson

_REPLY, _QUERY, _MSG = 1, 2004, 2013
_OPEN = {"hello", "ismaster", "isMaster", "ping", "buildInfo", "buildinfo", "endSessions", "logout"}
_READS = {"find", "aggregate", "count", "distinct", "getMore", "killCursors", "listCollections", "listIndexes"}
_WRITES = {"insert", "update", "delete", "findAndModify", "create", "createIndexes", "dropIndexes", "drop"}
_ITERATIONS = 4096
_GOOD = "SCRAM-SHA-256"


class User:
    """What a server keeps of a user, and no password."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.roles = {(each["role"], each["db"]) for each in entry["roles"]}
        self.salt = secrets.token_bytes(28)
        salted = hashlib.pbkdf2_hmac("sha256", entry["pwd"].encode("ascii"), self.salt, _ITERATIONS)
        self.stored_key = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
        self.server_key = _hmac(salted, b"Server Key")

    def may(self, command: str, database: str) -> bool:
        if any(role == "root" for role, _ in self.roles):
            return True
        if command in _READS:
            return bool(self.roles & {("read", database), ("readWrite", database)})
        return command in _WRITES and ("readWrite", database) in self.roles


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


class Conversation:
    """One SCRAM exchange of a connection."""

    def __init__(self, users: dict[str, User], first: bytes) -> None:
        _, _, self._bare = first.decode("ascii").split(",", 2)
        asked = dict(part.split("=", 1) for part in self._bare.split(","))
        self._user = users.get(asked["n"].replace("=2C", ",").replace("=3D", "="))
        self._nonce = asked["r"] + secrets.token_urlsafe(24)
        salt = self._user.salt if self._user else secrets.token_bytes(28)  # whether there is such a user is not told
        self.challenge = f"r={self._nonce},s={base64.b64encode(salt).decode()},i={_ITERATIONS}"

    def finish(self, final: bytes) -> tuple[User, bytes] | None:
        """The user and the server's own proof; None where the client's does not hold."""
        without, _, proof = final.decode("ascii").rpartition(",p=")
        if self._user is None or without != f"c=biws,r={self._nonce}":
            return None
        signed = f"{self._bare},{self.challenge},{without}".encode()
        mask = _hmac(self._user.stored_key, signed)
        client_key = bytes(a ^ b for a, b in zip(base64.b64decode(proof), mask, strict=True))
        if not hmac.compare_digest(hashlib.sha256(client_key).digest(), self._user.stored_key):
            return None
        return self._user, b"v=" + base64.b64encode(_hmac(self._user.server_key, signed))


class Connection:
    """A client's connection, from its first message on."""

    def __init__(self, users: dict[str, User], backend: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        self._users = users
        self._from, self._to = backend
        self._user: User | None = None
        self._conversation: Conversation | None = None

    async def answer(self, message: bytes) -> bytes:
        """The reply to a message: the database's, or ours."""
        _, request_id, _, code = struct.unpack_from("<iiii", message)
        if code == _QUERY:  # the first hello of a connection
            command = bson.decode(message[message.index(b"\0", 20) + 9 :])
            return self._introduced(await self._pass_on(message), command)
        if code != _MSG:
            raise ConnectionError(f"a message of kind {code}")
        (size,) = struct.unpack_from("<i", message, 21)
        command = bson.decode(message[21 : 21 + size])
        name, database = next(iter(command)), command["$db"]
        ours = self._sasl(name, command)
        if ours is None and name not in _OPEN:
            if self._user is None:
                ours = _refusal(13, "Unauthorized", f"Command {name} requires authentication")
            elif not self._user.may(name, database):
                ours = _refusal(13, "Unauthorized", f"not authorized on {database} to execute command {name}")
        if ours is None:
            return self._introduced(await self._pass_on(message), command)
        body = struct.pack("<I", 0) + b"\0" + bson.encode(ours)
        return struct.pack("<iiii", 16 + len(body), secrets.randbits(30), request_id, _MSG) + body

    def _sasl(self, name: str, command: dict[str, Any]) -> dict[str, Any] | None:
        failed = _refusal(18, "AuthenticationFailed", "Authentication failed.")
        if name == "saslStart":
            if command["mechanism"] != _GOOD:
                return failed
            self._conversation = Conversation(self._users, command["payload"])
            return {"conversationId": 1, "done": False, "payload": self._conversation.challenge.encode(), "ok": 1.0}
        if name == "saslContinue":
            proved = self._conversation.finish(command["payload"]) if self._conversation else None
            self._conversation = None
            if proved is None:
                return failed
            self._user = proved[0]
            return {"conversationId": 1, "done": True, "payload": proved[1], "ok": 1.0}
        return None

    def _introduced(self, reply: bytes, command: dict[str, Any]) -> bytes:
        """The database's hello, with the mechanism that is to be had here where it was asked for."""
        if "saslSupportedMechs" not in command:
            return reply
        begin = 36 if struct.unpack_from("<i", reply, 12) == (_REPLY,) else 21
        body = bson.encode({**bson.decode(reply[begin:]), "saslSupportedMechs": [_GOOD]})
        return struct.pack("<i", begin + len(body)) + reply[4:begin] + body

    async def _pass_on(self, message: bytes) -> bytes:
        self._to.write(message)
        await self._to.drain()
        return await _message(self._from)


def _refusal(code: int, name: str, told: str) -> dict[str, Any]:
    return {"ok": 0.0, "errmsg": told, "code": code, "codeName": name}


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    return head + await reader.readexactly(struct.unpack("<i", head)[0] - 4)


def _place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--listen", "--to"):
        parser.add_argument(option, type=_place, required=True)
    parser.add_argument("--users", type=Path, required=True)
    parser.add_argument("--cert", type=Path)
    parser.add_argument("--client-ca", type=Path)
    asked = parser.parse_args()
    users = {entry["user"]: User(entry) for entry in json.loads(asked.users.read_text("utf-8"))}
    tls = None
    if asked.cert:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=asked.client_ca)
        tls.load_cert_chain(asked.cert)
        tls.verify_mode = ssl.CERT_REQUIRED if asked.client_ca else ssl.CERT_NONE

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            backend = await asyncio.open_connection(*asked.to)
            try:
                connection = Connection(users, backend)
                while True:
                    writer.write(await connection.answer(await _message(reader)))
                    await writer.drain()
            finally:
                backend[1].close()
        writer.close()

    server = await asyncio.start_server(serve, *asked.listen, ssl=tls)
    print("waiting for connections", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
