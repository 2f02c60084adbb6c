"""What an error of the Kafka client means: an outage to retry, a refusal, or a record that no broker takes.

aiokafka passes on whatever its connections raise, such as uvloop's ``RuntimeError`` on a closed transport, and its
background tasks may end silently. ``asked`` handles the first, ``ended`` finds the second.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, errors
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, KafkaError

from homecall.runtime.failures import Awaited, Refused, Transient

T = TypeVar("T")

TOO_LARGE: Final = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError, errors.RecordTooLargeError)
NOT_THERE: Final = (errors.UnknownTopicOrPartitionError, errors.InvalidTopicError)
REFUSED: Final = (
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
    errors.DelegationTokenAuthorizationFailed,
    errors.SaslAuthenticationFailed,
    errors.UnsupportedSaslMechanismError,
    errors.IllegalSaslStateError,
)
MOVED: Final = (
    errors.CommitFailedError,
    errors.IllegalStateError,
    errors.IllegalOperation,
    errors.IllegalGenerationError,
    errors.UnknownMemberIdError,
    errors.RebalanceInProgressError,
    errors.ConsumerStoppedError,
)
"""Of a commit: the partition moved to another member, or the consumer was rebuilt."""

# The parts of a client, and their tasks that run as long as the client.
_BACKGROUND = (
    ("client", "_sync_task"),
    ("_client", "_sync_task"),
    ("_sender", "_sender_task"),
    ("_fetcher", "_fetch_task"),
    ("_coordinator", "_coordination_task"),
    ("_coordinator", "_reset_committed_task"),
)


def place(bootstrap: str) -> str:
    """The brokers' addresses, and the setting that names them."""
    return f"{bootstrap}, HOMECALL_KAFKA_BOOTSTRAP"


def outage(error: BaseException, bootstrap: str) -> Transient | None:
    """The error as one to retry; None if a record is too large.

    ``Refused`` if this user is not authorised, ``Awaited`` if a topic is missing; any other error is an outage.
    """
    if isinstance(error, Transient):
        return error
    if isinstance(error, TOO_LARGE):
        return None
    name = type(error).__name__
    if isinstance(error, REFUSED):
        return Refused(
            "broker",
            f"Kafka ({place(bootstrap)}) does not let this user work, {name}: give it what homecall access lists",
        )
    if isinstance(error, NOT_THERE):
        return Awaited(f"a topic is not there ({place(bootstrap)}), {name}: run homecall topics create")
    return Transient("broker", error, place(bootstrap))


async def asked(work: Awaitable[T], bootstrap: str) -> T:
    """Await a call of the Kafka client. Raises ``Transient`` as ``outage`` says.

    A ``CancelledError`` from inside the client is an outage too.
    """
    try:
        return await work
    except asyncio.CancelledError as error:
        if is_ours():
            raise
        raise Transient("broker", error, place(bootstrap)) from error
    except Exception as error:
        told = outage(error, bootstrap)
        if told is None:
            raise
        raise told from error


def is_ours() -> bool:
    """Whether the current task itself was cancelled."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def ended(client: Any) -> str | None:
    """The background task of a started client that has ended, so that the client no longer works; None if all run."""
    for part, name in _BACKGROUND:
        task = getattr(getattr(client, part, None), name, None)
        if isinstance(task, asyncio.Future) and task.done():
            return name.strip("_")
    return None


async def while_running(client: Any, work: Awaitable[T]) -> T:
    """Await work that depends on a client's background tasks. Raises ``KafkaError`` if one of them ends."""
    doing = asyncio.ensure_future(work)
    doing.add_done_callback(lambda done: done.cancelled() or done.exception())  # retrieved, or asyncio logs it
    try:
        while True:
            found = [getattr(getattr(client, part, None), name, None) for part, name in _BACKGROUND]
            tasks = [task for task in found if isinstance(task, asyncio.Future)]
            await asyncio.wait([doing, *tasks], return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                return await doing
            if (name := ended(client)) is not None:
                raise KafkaError(f"{name} of the client has ended")
    finally:
        doing.cancel()


def make_connections_safe() -> None:
    """Make every error of a closed connection a ``KafkaError`` inside the client; needed once in a process.

    aiokafka expects only ``OSError`` from a write. Any other error of a transport, of asyncio as of uvloop, ends its
    coordination, fetching or sending task.
    """
    if not hasattr(AIOKafkaConnection.send, "__wrapped__"):
        AIOKafkaConnection.send = _guarded_send(AIOKafkaConnection.send)
        AIOKafkaConsumer.getmany = _guarded_getmany(AIOKafkaConsumer.getmany)


def _guarded_send(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    def guarded(self: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return send(self, *arguments, **options)
        except (KafkaError, TypeError, ValueError, struct.error):
            raise  # the request cannot be encoded
        except Exception as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN)
            raise KafkaConnectionError(
                f"Connection at {self._host}:{self._port} broken: {type(error).__name__}"
            ) from error

    return guarded


def _guarded_getmany(getmany: Callable[..., Any]) -> Callable[..., Any]:
    """FastStream continues after a ``KafkaError``; after any other error its loop ends, or spins."""

    @wraps(getmany)
    async def guarded(self: Any, *places: Any, **options: Any) -> Any:
        try:
            return await getmany(self, *places, **options)
        except (KafkaError, errors.ConsumerStoppedError, errors.UnsupportedCodecError):
            raise
        except asyncio.CancelledError as error:
            if is_ours():
                raise
            raise KafkaError("the fetch was cancelled inside the client") from error
        except Exception as error:
            raise KafkaError(f"the fetch failed: {type(error).__name__}") from error

    return guarded
