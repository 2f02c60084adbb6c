"""The stand-in on a port of this machine: the channel at ``/shep``, NCANode at ``/wsse/…``."""

from __future__ import annotations

import contextlib
import math
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from homecall.demo.shep.answers import Reply
from homecall.demo.shep.gateway import Gateway
from homecall.demo.shep.markup import MOST_BYTES
from homecall.demo.shep.ncanode import WsseNode
from homecall.demo.shep.schema import DIRECTORY, WSDL

PATH: Final = "/shep"


class ShepServer:
    """A gateway and an NCANode, served by threads of this process from ``start`` to ``stop``."""

    def __init__(self, gateway: Gateway, *, port: int = 0) -> None:
        self.gateway = gateway
        self.node = WsseNode([gateway.keys.authority.certificate])
        self._ending = threading.Event()
        self._connections: set[socket.socket] = set()
        self._server = _server(self, port)
        self._thread: threading.Thread | None = None
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, kwargs={"poll_interval": 0.05}, daemon=True, name="shep")
        self._thread.start()

    def stop(self) -> None:
        """Answer nobody any more: connections that are kept are closed too."""
        self._ending.set()
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def connected(self, connection: socket.socket, *, still: bool) -> None:
        """Note a connection that begins, or one that has ended."""
        (self._connections.add if still else self._connections.discard)(connection)

    def reply_to(self, call: BaseHTTPRequestHandler) -> Reply:
        length = call.headers.get("content-length", "")
        if not length.isdigit() or int(length) > 2 * MOST_BYTES:
            return Reply(b"", 413, "text/plain")
        body = call.rfile.read(int(length))
        if call.path in self.node.addresses:
            return self.node.take(call.path, body)
        if call.path != PATH:
            return Reply(b"", 404, "text/plain")
        if call.headers.get_content_type() != "text/xml":
            return Reply(b"", 415, "text/plain")
        return self.gateway.take(call.headers.get("soapaction", ""), body)

    def send(self, call: BaseHTTPRequestHandler, reply: Reply) -> None:
        """Send a reply once its time has come; not at all where it waits until the end, or is cut before its start."""
        forever = math.isinf(reply.wait_seconds)
        if reply.wait_seconds and self._ending.wait(None if forever else reply.wait_seconds):
            call.close_connection = True
            return
        if reply.cut_after is not None and reply.cut_after < 0:
            call.close_connection = True
            return
        call.send_response(reply.status)
        call.send_header("content-type", reply.content_type)
        call.send_header("content-length", str(len(reply.body)))
        call.end_headers()
        call.wfile.write(reply.body if reply.cut_after is None else reply.body[: reply.cut_after])
        if reply.cut_after is not None:
            call.close_connection = True


def _server(owner: ShepServer, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # one packet for head and body
        timeout = 60  # of a connection on which nobody asks

        def setup(self) -> None:
            super().setup()
            owner.connected(self.connection, still=True)

        def finish(self) -> None:
            owner.connected(self.connection, still=False)
            super().finish()

        def do_POST(self) -> None:
            owner.send(self, owner.reply_to(self))

        def do_GET(self) -> None:
            owner.send(self, _file(self.path))

        def log_message(self, *_: Any) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 256

        def handle_error(self, *_: Any) -> None:
            return  # the caller has gone

    return Server(("127.0.0.1", port), Handler)


def _file(path: str) -> Reply:
    """The WSDL at ``/shep?wsdl``, and the schemas that it refers to beside it."""
    names = {f"/{each.name}": each for each in DIRECTORY.glob("*.xsd")} | {f"{PATH}?wsdl": WSDL}
    if path not in names:
        return Reply(b"", 404, "text/plain")
    return Reply(names[path].read_bytes())


@contextlib.contextmanager
def serving(gateway: Gateway, *, port: int = 0) -> Iterator[ShepServer]:
    """The stand-in, on a free port unless one is named, until the end of the block."""
    server = ShepServer(gateway, port=port)
    server.start()
    try:
        yield server
    finally:
        server.stop()
