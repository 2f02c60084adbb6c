"""An event loop with time of its own, in which every order that asyncio leaves open is drawn from a seed.

Time stands while anything is ready to run, and then jumps to the next timer. What is ready runs in a random order.
There are no sockets and no threads: work for a thread is done at once. Each callback belongs to a node (a simulated
process) or to the world; callbacks of a node that was killed never run again, and those of one that stands still wait.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from typing import Any

_MANY_TASKS = 1000
_AWAITS_OF_AN_END = 100


class Ended(BaseException):
    """Thrown into what a history leaves suspended: no handler of errors takes it, so that every block is left."""


class Deadlock(RuntimeError):
    """Nothing is ready, no timer is set, and the history has not come to its end."""


class Node:
    """A simulated process: its callbacks, and whether they run.

    ``dies_in`` counts its callbacks down: at zero the process is killed, before the callback that is next.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.stands_still = False
        self.dies_in: int | None = None
        self.on_death: Callable[[], None] = lambda: None
        self.skew = 0.0
        """Seconds by which its clock is ahead."""
        self.held: list[_Handle] = []
        """Callbacks that wait while it stands still."""

    def kill(self) -> None:
        """End it, as SIGKILL does: no callback of it runs any more, and no request of it leaves."""
        if not self.dead:
            self.dead = True
            self.held.clear()
            self.on_death()

    def __repr__(self) -> str:
        return self.name


NODE: ContextVar[Node | None] = ContextVar("node", default=None)
"""The process that the running callback belongs to; None for the world."""


class _Handle(list[Any]):
    """A callback, its arguments and its context: a list, which is made twice as fast as asyncio's own.

    Cancelled, it has None for the callback. It is equal to none but itself, and before none: what is due at one time is
    in the order of the heap.
    """

    __slots__ = ()

    def cancel(self) -> None:
        self[0] = self[1] = None

    def cancelled(self) -> bool:
        return self[0] is None

    def __lt__(self, _: object) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__  # type: ignore[assignment]  # of a list there is none


class SimulatedLoop(asyncio.BaseEventLoop):
    """See the module. ``time`` is in seconds since the history's beginning."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng
        self._now = 0.0
        self._ready: deque[_Handle]  # type: ignore[assignment]  # of BaseEventLoop, with handles of ours
        self._timers: list[tuple[float, _Handle]] = []
        """In place of asyncio's own: handles are slow to compare."""
        self._tasks: list[tuple[asyncio.Task[Any], Context]] = []
        """All that are not done. Held, so that none of a killed process is collected, and unwound, at any moment."""
        self._prune_at = _MANY_TASKS
        self._generators: list[AsyncGenerator[Any, Any]] = []

    def time(self) -> float:
        return self._now

    def call_soon(  # type: ignore[override]  # a handle of ours
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> _Handle:
        handle = _Handle((callback, args, copy_context() if context is None else context))
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]  # a handle of ours
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> _Handle:
        handle = _Handle((callback, args, copy_context() if context is None else context))
        heapq.heappush(self._timers, (self._now + delay, handle))
        return handle

    def call_at(  # type: ignore[override]  # a handle of ours
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> _Handle:
        handle = _Handle((callback, args, copy_context() if context is None else context))
        heapq.heappush(self._timers, (when, handle))
        return handle

    get_debug = bool  # type: ignore[assignment]  # False: each future asks, and a call of a type is a fast one

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def _run_once(self) -> None:
        """All turns until the loop is to stop: asyncio calls it once for each otherwise."""
        timers, waiting, pop, bits = self._timers, self._ready, heapq.heappop, self._rng.getrandbits
        while True:
            while timers and timers[0][1][0] is None:
                pop(timers)
            if not waiting and not self._stopping:  # type: ignore[attr-defined]  # of BaseEventLoop
                if not timers:
                    raise Deadlock
                self._now = max(self._now, timers[0][0])
            now = self._now
            while timers and timers[0][0] <= now:
                waiting.append(pop(timers)[1])
            ready = [*waiting]
            waiting.clear()
            if len(ready) > 1:
                _shuffle(ready, bits)
            for handle in ready:
                callback, args, context = handle
                if callback is None:
                    continue
                node = context.get(NODE)
                if (
                    node is not None
                    and (node.dead or node.stands_still or node.dies_in is not None)
                    and not self._may_run(node, handle)
                ):
                    continue
                try:
                    context.run(callback, *args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    self.call_exception_handler({"message": "a callback failed", "exception": error})
            if self._stopping:  # type: ignore[attr-defined]  # of BaseEventLoop
                return

    @staticmethod
    def _may_run(node: Node, handle: _Handle) -> bool:
        if node.dead:
            return False
        if node.stands_still:
            node.held.append(handle)
            return False
        if node.dies_in is not None:
            node.dies_in -= 1
            if node.dies_in < 0:
                node.kill()
                return False
        return True

    def go_on(self, node: Node) -> None:
        """Let a node that stood still go on."""
        node.stands_still = False
        self._ready.extend(node.held)
        node.held.clear()

    def create_task(  # type: ignore[override]
        self,
        work: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[Any]:
        context = copy_context() if context is None else context
        task = asyncio.Task(work, loop=self, name=name, context=context)
        self._tasks.append((task, context))
        if len(self._tasks) > self._prune_at:
            self._tasks = [each for each in self._tasks if not each[0].done()]
            self._prune_at = len(self._tasks) * 2 + _MANY_TASKS
        return task

    def _asyncgen_firstiter_hook(self, agen: AsyncGenerator[Any, Any]) -> None:
        super()._asyncgen_firstiter_hook(agen)  # type: ignore[misc]  # of BaseEventLoop
        self._generators.append(agen)

    def end(self) -> None:
        """Unwind every task and asynchronous generator, here and now, and drop every callback.

        For when the loop has stopped. What they do on their way out is done: nothing of them runs later.
        """
        self.set_exception_handler(lambda *_: None)
        asyncio._set_running_loop(self)
        try:
            while self._tasks or self._generators:
                tasks, self._tasks = self._tasks, []
                for task, context in tasks:
                    if not task.done():
                        task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is meant to be pending
                        _unwind(task.get_coro(), context)
                generators, self._generators = self._generators, []
                for each in generators:
                    _unwind(each.athrow(Ended), Context())
        finally:
            asyncio._set_running_loop(None)
            self._ready.clear()
            self._timers.clear()

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Done at once: there are no threads."""
        del executor
        future: asyncio.Future[Any] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    async def create_connection(self, *_: Any, **__: Any) -> Any:  # type: ignore[override]
        """There is no network: what looks for a server by itself finds none."""
        raise ConnectionRefusedError

    def _process_events(self, _: Any) -> None:
        return

    def _write_to_self(self) -> None:
        return


def _shuffle(handles: list[_Handle], bits: Callable[[int], int]) -> None:
    """As ``Random.shuffle`` does, with the same numbers: it takes a third of the time where few are ready."""
    for last in range(len(handles) - 1, 0, -1):
        size = (last + 1).bit_length()
        other = bits(size)
        while other > last:
            other = bits(size)
        handles[last], handles[other] = handles[other], handles[last]


def _unwind(work: Any, context: Context) -> None:
    """Throw ``Ended`` into a coroutine until it is over: a block that is left may await something first."""
    for _ in range(_AWAITS_OF_AN_END):
        try:
            context.run(work.throw, Ended)
        except BaseException:  # ``Ended``, or what it became on its way out
            return
    raise AssertionError(f"{work!r} cannot be ended")
