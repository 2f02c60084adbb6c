"""A broker and a database that come with pip alone, as child processes of ours: for `homecall demo` and `homecall up`.

The broker is the mock cluster inside librdkafka (it comes with ``confluent-kafka``), the database is ``nx-27017``
(SQLite behind MongoDB's wire protocol). Both listen on 127.0.0.1 only, on free ports.

Not for production. What they cannot do, found by trying:

- The broker keeps its log in memory: an end of the process is an end of the data. A partition keeps its newest 5 MiB;
  a consumer that falls further behind loses what is older without an error, so a publisher of many records has to wait
  for the consumers. Nothing is compacted.
- It has no admin API. Topics are made at the start, with their partitions (`embedded_stack(topics=…)`), or with 4
  partitions by the first client that asks for them: a wrong name goes unnoticed.
- A group has one member; any number of groups, and of consumers without a group, work side by side. Who joins a
  group that had a member before waits for the session timeout less 1 s.
- A record's key, headers and timestamp come back as sent, but the answer to a producer carries a made-up timestamp.
  No record is too large, offsets by timestamp are not found, and an admin client cannot read a group's offsets.
- What the database does otherwise than MongoDB stands in tests/infrastructure/stack/mongo.py.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from homecall.demo.ports import free_port

_THIS = "homecall.demo.embedded"


class NotInstalledError(RuntimeError):
    """The optional packages of the embedded stack are missing; the message says how to get them."""


class DidNotStartError(RuntimeError):
    """A child process ended, or did not become ready in time; the message carries the end of its log."""


@dataclass(frozen=True)
class Stack:
    """Where to find a running broker and database."""

    bootstrap: str
    mongo_url: str


@dataclass(eq=False)
class Child:
    """A process of ours that ends with us, whatever ends us.

    ``command`` has to end by itself when its standard input closes: that is what is left of us after a SIGKILL.
    The process has a session of its own, so that Ctrl-C in a terminal reaches us and not it, and we decide what stops
    first. What it prints goes to ``log``.
    """

    name: str
    command: Sequence[str]
    log: Path
    ready: Callable[[], bool]
    patience: float = 60.0
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; raises RuntimeError when it does not run."""
        if self.process is None:
            raise RuntimeError(f"{self.name} is not running: start it first")
        return self.process.pid

    def start(self) -> None:
        """Start, and return once ``ready`` says so.

        Raises DidNotStartError when it ends before that, or after ``patience`` seconds.
        """
        if self.process is not None:
            raise RuntimeError(f"{self.name} is running already: stop it first")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        if not until(lambda: self.process is None or self.process.poll() is not None or self.ready(), self.patience):
            self._fail(f"was not ready within {self.patience:.0f} s")
        if self.process.poll() is not None:
            self._fail(f"ended at once with code {self.process.returncode}")

    def stop(self, patience: float = 15.0) -> None:
        """Ask it to end (SIGTERM) and wait; after ``patience`` seconds end it by force. Nothing if it does not run."""
        self._end(signal.SIGTERM, patience)

    def kill(self) -> None:
        self._end(signal.SIGKILL, patience=15.0)

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Hold it still (SIGSTOP): connections stay open and nothing is answered."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def _end(self, how: signal.Signals, patience: float) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        if process.poll() is None:  # not reaped yet, so the number is still its own
            os.killpg(process.pid, how)
            os.killpg(process.pid, signal.SIGCONT)  # a paused process would keep a SIGTERM waiting for ever
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # whatever it started and left
        if process.stdin is not None:
            process.stdin.close()

    def _fail(self, what: str) -> None:
        self.kill()
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise DidNotStartError(f"{self.name} {what}: {' | '.join(lines[-3:]) or 'it printed nothing'}")


def until(condition: Callable[[], bool], patience: float) -> bool:
    """Ask again and again, at most 250 ms apart, until the condition holds; False once ``patience`` seconds are up."""
    end = time.monotonic() + patience
    pause = 0.02
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)
    return True


@contextlib.contextmanager
def embedded_stack(directory: Path | None = None, topics: Mapping[str, int] | None = None) -> Iterator[Stack]:
    """Start both, give their addresses, and stop both at the end, also after an error.

    ``directory`` keeps the database and the logs; without it they live in a temporary directory that is removed.
    ``topics`` are made with so many partitions each. Raises NotInstalledError without the extra ``embedded``, and
    DidNotStartError when one of the two does not come up.
    """
    _require("confluent_kafka", "nx_27017")
    with contextlib.ExitStack() as closing:
        if directory is None:
            # A database that is still writing its last page may add a file while we remove the others.
            directory = Path(
                closing.enter_context(tempfile.TemporaryDirectory(prefix="homecall-", ignore_cleanup_errors=True))
            )
        directory.mkdir(parents=True, exist_ok=True)
        broker, bootstrap = embedded_broker(directory, topics or {})
        closing.callback(broker.stop)
        broker.start()
        store, mongo_url = database(directory)
        closing.callback(store.stop)
        store.start()
        yield Stack(bootstrap(), mongo_url)


def embedded_broker(directory: Path, topics: Mapping[str, int]) -> tuple[Child, Callable[[], str]]:
    """The embedded broker, not started yet, and what tells its address once it runs; at each start it has another."""
    _require("confluent_kafka")
    address_file = directory / "broker.address"
    address_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", _THIS, "broker", str(address_file), *(f"{t}:{n}" for t, n in topics.items())]
    child = Child("the embedded broker", command, directory / "broker.log", ready=address_file.exists)
    return child, lambda: address_file.read_text(encoding="ascii")


def database(directory: Path) -> tuple[Child, str]:
    """The embedded database over ``directory``, not started yet, and its URL. Its port is chosen here and stays."""
    _require("nx_27017")
    port = free_port()
    url = f"mongodb://127.0.0.1:{port}"
    command = [sys.executable, "-m", _THIS, "database", str(directory), str(port)]
    return Child("the embedded database", command, directory / "database.log", ready=lambda: database_answers(url)), url


def _require(*modules: str) -> None:
    if any(importlib.util.find_spec(module) is None for module in modules):
        raise NotInstalledError("the embedded broker and database are not installed: pip install 'homecall[embedded]'")


def database_answers(url: str) -> bool:
    """Whether a database at the URL answers a ping within half a second."""
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    client: MongoClient[dict[str, Any]] = MongoClient(url, serverSelectionTimeoutMS=500, connectTimeoutMS=500)
    try:
        client.admin.command("ping")
    except PyMongoError:
        return False
    finally:
        client.close()
    return True


# ---- What the child processes run -----------------------------------------------------------------------------------


def _end_with(parent: IO[bytes]) -> None:
    """End this process when the parent's end of our standard input closes, as at any death of the parent."""

    def watch() -> None:
        parent.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


class _Pointer(ctypes.c_void_p):
    """A pointer that stays one: ctypes turns a plain ``c_void_p`` into an int, and an int into 32 bits."""


def _run_broker(address_file: Path, topics: Iterable[tuple[str, int]]) -> None:
    """Run the mock cluster until SIGTERM; write its address to the file once it listens.

    By librdkafka's C interface (rdkafka_mock.h), which unlike the Python one can make topics with a given number of
    partitions, and lets a group form without the wait of 3 s for further members, which it cannot have.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # before any thread is there to get it
    from confluent_kafka import cimpl

    # Symbols are looked up in what the module is linked with, too; without its type a result would be an int.
    rd: Any = ctypes.CDLL(cimpl.__file__)
    for function in (rd.rd_kafka_conf_new, rd.rd_kafka_new, rd.rd_kafka_mock_cluster_new):
        function.restype = _Pointer
    rd.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p

    problem = ctypes.create_string_buffer(512)
    size = ctypes.c_size_t(len(problem))
    conf = rd.rd_kafka_conf_new()
    rd.rd_kafka_conf_set(conf, b"log_level", b"4", problem, size)
    producer = 0  # RD_KAFKA_PRODUCER: the cluster needs some client to live in
    cluster = rd.rd_kafka_mock_cluster_new(rd.rd_kafka_new(producer, conf, problem, size), 1)
    if not cluster:
        raise SystemExit(f"librdkafka made no mock cluster: {problem.value.decode()}")
    rd.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0)
    for topic, partitions in topics:
        if rd.rd_kafka_mock_topic_create(cluster, topic.encode(), partitions, 1) != 0:
            raise SystemExit(f"librdkafka made no topic {topic} with {partitions} partitions")
    _end_with(sys.stdin.buffer)
    unseen = address_file.with_suffix(".new")
    unseen.write_bytes(rd.rd_kafka_mock_cluster_bootstraps(cluster))
    unseen.replace(address_file)
    signal.sigwait({signal.SIGTERM})
    os._exit(0)  # nothing is to be kept, and librdkafka's threads would make the interpreter wait


def _run_database(directory: Path, port: int) -> None:
    """Run nx-27017 until SIGTERM, with its files in ``directory`` and no file anywhere else."""
    from nx_27017 import nx_27017

    pid_file = directory / "database.pid"
    pid_file.unlink(missing_ok=True)  # left by a crash; its number may be anybody's by now
    data = directory / "data"
    data.mkdir(parents=True, exist_ok=True)
    _end_with(sys.stdin.buffer)
    sys.argv = [
        "nx-27017",
        f"--data-dir={data}",
        "--host=127.0.0.1",
        f"--port={port}",
        f"--log-file={os.devnull}",  # it prints the same, and that is kept
        f"--pid-file={pid_file}",
    ]
    nx_27017.main()


def _main(arguments: Sequence[str]) -> None:
    match arguments:
        case ["broker", address_file, *topics]:
            split = (topic.rsplit(":", 1) for topic in topics)
            _run_broker(Path(address_file), [(name, int(partitions)) for name, partitions in split])
        case ["database", directory, port]:
            _run_database(Path(directory), int(port))
        case _:
            raise SystemExit(
                "usage: python -m homecall.demo.embedded broker FILE [TOPIC:PARTITIONS…] | database DIR PORT"
            )


if __name__ == "__main__":
    _main(sys.argv[1:])
