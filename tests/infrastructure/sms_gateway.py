"""An SMS gateway for tests: it accepts, refuses, times out after accepting, repeats its reports, and keeps a log."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "a shared secret of the tests"
LONG = 30.0
"""How long it hangs, in seconds: longer than anybody waits for it."""

ACCEPT, HANG, CUT, BUSY, REFUSE, FAIL = "accept", "hang", "cut", "busy", "refuse", "fail"
"""What it does with a message: take it; take it and never answer; take it and cut the connection; say "not now"; say
"never"; take it, and answer with an error of its own."""


@dataclass(frozen=True)
class Entry:
    """A message that was taken, by whatever way its sender learned of it."""

    id: str
    reference: str
    to: str
    text: str
    at: float
    answered: bool


class SmsGateway:
    """On a port of its own. ``behaves`` says, by the body of a call, what is done with it."""

    def __init__(self, behaves: Callable[[Mapping[str, Any]], str] = lambda _: ACCEPT) -> None:
        self.behaves = behaves
        self.log: list[Entry] = []
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        """What it did with each call, and the call's body."""
        self.heads: list[str] = []
        self.let_go = threading.Event()
        self._lock = threading.Lock()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                gateway.answer(self)

            def log_message(self, *_: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, *_: Any) -> None:
                return  # whoever called was killed meanwhile

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/messages"
        self._thread = threading.Thread(target=lambda: self.server.serve_forever(poll_interval=0.01), daemon=True)
        self._thread.start()

    def answer(self, call: BaseHTTPRequestHandler) -> None:
        body = json.loads(call.rfile.read(int(call.headers["content-length"])))
        does = self.behaves(body)
        with self._lock:
            self.calls.append((does, body))
            self.heads.append(f"{call.requestline}\n{call.headers}")
            name = f"g-{len(self.calls)}"
            if does in (ACCEPT, HANG, CUT, FAIL):
                to = body["recipients"][0]
                entry = Entry(name, body.get("reference", ""), to, body["text"], time.monotonic(), does == ACCEPT)
                self.log.append(entry)
        if does == HANG:
            self.let_go.wait(LONG)
        if does in (HANG, CUT):
            call.close_connection = True
            return
        status, said = {
            ACCEPT: (200, {"id": name}),
            BUSY: (200, {"error": "busy"}),
            REFUSE: (400, {"error": "bad_number"}),
            FAIL: (502, {}),
        }[does]
        told = json.dumps(said).encode()
        call.send_response(status)
        call.send_header("content-length", str(len(told)))
        call.end_headers()
        call.wfile.write(told)

    def taken(self) -> Counter[str]:
        """How often each reference was taken, by its own log."""
        with self._lock:
            return Counter(each.reference for each in self.log)

    def entries(self) -> list[Entry]:
        with self._lock:
            return list(self.log)

    def close(self) -> None:
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()


def post_report(url: str, *reports: Mapping[str, Any], secret: str | None = SECRET, timeout: float = 5) -> int:
    """Post delivery reports; the status of the answer, 0 where nobody answers."""
    body = json.dumps(reports[0] if len(reports) == 1 else list(reports)).encode()
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {secret}"} if secret else {})
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=timeout) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


class Reporter(threading.Thread):
    """Tells of messages that were taken, to whichever address answers: late, early, twice, and out of order."""

    def __init__(self, gateway: SmsGateway, urls: Callable[[], Sequence[str]], choose: Callable[[int], int]) -> None:
        super().__init__(daemon=True)
        self._gateway = gateway
        self._urls = urls
        self._choose = choose
        self._ending = threading.Event()
        self._seen = 0
        self.posted = 0

    def run(self) -> None:
        while not self._ending.wait(0.05):
            entries = self._gateway.entries()
            batch: list[Mapping[str, Any]] = []
            for each in entries[self._seen :]:
                # Of messages whose answer never came it tells by reference as well as of others; of some, nothing.
                names = {"id": each.id, "reference": each.reference}
                told = [names | {"status": said} for said in ("sent", "delivered")]
                match self._choose(5):
                    case 0:
                        batch += reversed(told)
                    case 1:
                        batch += told * 2
                    case 2:
                        batch.append({"id": each.id, "status": "delivered"})
                    case 3:
                        continue
                    case _:
                        batch += told
            self._seen = len(entries)
            if batch:
                self._deliver(batch)

    def _deliver(self, batch: Sequence[Mapping[str, Any]]) -> None:
        while not self._ending.is_set():
            urls = self._urls()
            if post_report(urls[self._choose(len(urls))], *batch) == 200:
                self.posted += len(batch)
                return
            self._ending.wait(0.1)

    def end(self) -> None:
        self._ending.set()
        self.join(10)
