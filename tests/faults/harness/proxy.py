"""A proxy before the database that answers slowly, with errors, or cuts a connection between a write and its answer.

It knows as much of the wire protocol as that takes: where a message ends, and which command it carries.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlparse

import bson

_HEADER = struct.Struct("<iiii")
_OP_MSG = 2013
WRITES = frozenset({"insert", "update", "delete", "findAndModify"})


def command_of(message: bytes) -> str:
    """The command in a message to the server: the first key of its document; empty where it is no OP_MSG."""
    _, _, _, op_code = _HEADER.unpack_from(message)
    # After the header: flags (4 bytes), the kind of the first section (0: a document), its length, its first type.
    if op_code != _OP_MSG or len(message) < 27 or message[20] != 0:
        return ""
    return message[26 : message.index(b"\0", 26)].decode("ascii", "replace")


def reply_to(question: bytes, document: dict[str, Any]) -> bytes:
    """An answer to a message, as OP_MSG."""
    request_id = _HEADER.unpack_from(question)[1]
    body = struct.pack("<I", 0) + b"\0" + bson.encode(document)
    return _HEADER.pack(_HEADER.size + len(body), 0, request_id, _OP_MSG) + body


class Proxy:
    """Stands before a database on 127.0.0.1, in a thread of its own, until ``close``.

    ``slow`` is how many seconds each answer is held back, at most; ``cut_share`` of the writes lose their answer.
    ``instead`` gives, for a command, the answer that the client gets and the database never sees; None passes it on.
    """

    def __init__(self, upstream: str, seed: int) -> None:
        where = urlparse(upstream)
        self._upstream = (where.hostname or "127.0.0.1", where.port or 27017)
        self._rng = random.Random(seed)
        self.slow = 0.0
        self.cut_share = 0.0
        self.instead: Callable[[str], dict[str, Any] | None] = lambda _: None
        self.cut: Counter[str] = Counter()
        """How many answers were cut, by command."""
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="database proxy", daemon=True)
        self._thread.start()
        self._listening.wait(10)

    @property
    def url(self) -> str:
        """The database's address through here."""
        assert self._server is not None
        return f"mongodb://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Cut all connections and end."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self._listening.set()
        self._loop.run_forever()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._server.close()
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._carry(reader, writer)
        except asyncio.CancelledError:
            return  # the end of the proxy: nobody is there to be told
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client's connection, a question and its answer at a time, as drivers use it."""
        try:
            there, to_there = await asyncio.open_connection(*self._upstream)
        except OSError:
            return
        try:
            while True:
                question = await _message(reader)
                command = command_of(question)
                ours = self.instead(command) if command else None
                if ours is not None:
                    writer.write(reply_to(question, ours))
                    await writer.drain()
                    continue
                to_there.write(question)
                await to_there.drain()
                answer = await _message(there)
                if command in WRITES and self._rng.random() < self.cut_share:
                    # It is written, and the server has said so: nobody here will ever hear of it.
                    self.cut[command] += 1
                    return
                if self.slow:
                    await asyncio.sleep(self._rng.uniform(0, self.slow))
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            with contextlib.suppress(OSError):
                to_there.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    return head + await reader.readexactly(struct.unpack("<i", head)[0] - 4)
