"""``homecall up``: the embedded broker and database, left running."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

from services.cli.embedded import DidNotStartError, NotInstalledError, embedded_stack
from services.cli.failure import Failure
from services.contract.topics import TOPICS


def up(directory: Path | None) -> None:
    """Run both until Ctrl-C or SIGTERM, and print how another terminal finds them.

    ``directory`` keeps the database for the next time; the broker keeps nothing.
    """
    ended = threading.Event()
    try:
        with embedded_stack(directory, topics={topic.name: topic.partitions for topic in TOPICS}) as stack:
            for each in (signal.SIGINT, signal.SIGTERM):
                signal.signal(each, lambda *_: ended.set())
            print(
                f"export HOMECALL_KAFKA_BOOTSTRAP={stack.bootstrap}",
                f"export HOMECALL_MONGO_URL={stack.mongo_url}",
                "export HOMECALL_ENV=development HOMECALL_SIGNATURES=off",
                "# Paste these lines into another terminal, and run there: homecall serve all",
                "# In a third: homecall publish clinics FILE, homecall publish requests FILE, homecall watch status",
                "# Ctrl-C here ends both, and what the broker holds is gone.",
                sep="\n",
                flush=True,
            )
            ended.wait()
    except (NotInstalledError, DidNotStartError) as error:
        raise Failure(str(error), code=1) from None
    except KeyboardInterrupt:
        return  # pressed while they were starting
