"""Commands that print or make what the contract asks for: topics, the AsyncAPI document."""

from __future__ import annotations

from typing import Annotated

import typer

topics = typer.Typer(help="The topics of the contract.", no_args_is_help=True)


@topics.command("create")
def topics_create(
    partitions: Annotated[
        int | None, typer.Option(min=1, help="partitions of each topic, if not the contract's")
    ] = None,
    replication: Annotated[int, typer.Option(min=1, help="replicas of each partition")] = 1,
) -> None:
    """Create the topics that are missing, as the contract has them."""
    from homecall.operations.topics import create

    create(partitions, replication)


@topics.command("check")
def topics_check() -> None:
    """Say where the topics differ from the contract; exit 1 if they do."""
    from homecall.operations.topics import check

    check()


@topics.command("manifest")
def topics_manifest(
    replication: Annotated[int, typer.Option(help="replicas of each partition")] = 3,
    cluster: Annotated[str, typer.Option(help="the cluster's name")] = "homecall",
) -> None:
    """Print the topics as resources of Kubernetes, for Strimzi's operator."""
    from homecall.operations.topics import manifest

    manifest(replication, cluster)


def asyncapi(
    as_html: Annotated[bool, typer.Option("--html", help="a page to read in place of the document")] = False,
) -> None:
    """Print the AsyncAPI document of all topics and events."""
    import json

    from homecall.contract.asyncapi import document
    from homecall.operations.terminal import print_bytes

    if as_html:
        from homecall.documents.asyncapi_page import page

        print_bytes(page().encode())
        return
    print(json.dumps(document(), ensure_ascii=False, indent=2))
