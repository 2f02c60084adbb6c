"""``homecall up``: the embedded broker and database, left running, and a test authority for what the portal signs."""

from __future__ import annotations

import shlex
import signal
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

from homecall.contract.topics import TOPICS
from homecall.demo.embedded import DidNotStartError, NotInstalledError, embedded_stack
from homecall.gateways.signatures.dev_authority import CRLS, TRUST_STORE, DevAuthority
from homecall.operations.failure import Failure

_AUTHORITY = "authority"


def up(directory: Path | None) -> None:
    """Run both until Ctrl-C or SIGTERM, and print how another terminal finds them.

    ``directory`` keeps the database and the test authority for the next time; the broker keeps nothing.
    """
    ended = threading.Event()
    try:
        with ExitStack() as closing:
            if directory is None:
                # A database that is still writing its last page may add a file while we remove the others.
                temporary = tempfile.TemporaryDirectory(prefix="homecall-up-", ignore_cleanup_errors=True)
                directory = Path(closing.enter_context(temporary))
            authority = authority_in(directory.resolve() / _AUTHORITY)
            stack = closing.enter_context(
                embedded_stack(directory, topics={topic.name: topic.partitions for topic in TOPICS})
            )
            for each in (signal.SIGINT, signal.SIGTERM):
                signal.signal(each, lambda *_: ended.set())
            trust_store, crls, place = (
                shlex.quote(str(path)) for path in (authority / TRUST_STORE, authority / CRLS, authority)
            )
            print(
                f"export HOMECALL_KAFKA_BOOTSTRAP={stack.bootstrap}",
                f"export HOMECALL_MONGO_URL={stack.mongo_url}",
                "export HOMECALL_ENV=development HOMECALL_SIGNATURES=rsa",
                f"export HOMECALL_TRUST_STORE={trust_store}",
                f"export HOMECALL_CRLS={crls}",
                "# Paste these lines into another terminal, and run there: homecall serve all",
                "# In a third, one after the other:",
                "#   homecall example clinic | homecall publish clinics -",
                "#   homecall example roster | homecall publish rosters -",
                "#   homecall example request | homecall publish requests -",
                "#   homecall watch status --from-beginning",
                "# What comes through the portal is signed first, here by a test authority that signs as anybody:",
                f"#   homecall dev-sign FILE --directory {place} | homecall publish requests -",
                "# Ctrl-C here ends both, and what the broker holds is gone.",
                sep="\n",
                flush=True,
            )
            ended.wait()
    except (NotInstalledError, DidNotStartError) as error:
        raise Failure(str(error), code=1) from None
    except KeyboardInterrupt:
        return  # pressed while they were starting


def authority_in(directory: Path) -> Path:
    """The directory, with a test authority in it, made now if there is none. ``Failure`` if that cannot be."""
    try:
        if (directory / TRUST_STORE).exists():
            DevAuthority.load(directory)
        else:
            DevAuthority.new().save(directory)
    except (OSError, ValueError, TypeError):
        raise Failure(
            f"{directory}: no test authority can be read or made there: remove it, and another is made"
        ) from None
    return directory
