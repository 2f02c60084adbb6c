"""Which client a service's database is opened with."""

from __future__ import annotations

from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import AsyncMongoClient

from homecall.runtime.mongo.client import Database
from homecall.runtime.settings import Settings, SettingsError, load_settings


def settings(**over: Any) -> Settings:
    return Settings(_env_file=None, mongo_prefix="region", **over)  # type: ignore[call-arg]  # pydantic-settings' own


@pytest.mark.parametrize(("client", "kind"), [("motor", AsyncIOMotorClient), ("pymongo", AsyncMongoClient)])
async def test_the_setting_chooses_the_client(client: Any, kind: type) -> None:
    database = Database.of(settings(mongo_client=client), "intake")
    assert type(database._client) is kind
    assert database.name == "region_intake"
    await database.close()


async def test_motor_is_the_client_unless_another_is_asked_for() -> None:
    assert type(Database.of(settings(), "intake")._client) is AsyncIOMotorClient


def test_another_name_is_refused_in_one_line() -> None:
    with pytest.raises(SettingsError, match=r"HOMECALL_MONGO_CLIENT: .*'motor' or 'pymongo'"):
        load_settings(mongo_client="mongoose")


@pytest.mark.parametrize("client", ["motor", "pymongo"])
def test_an_address_that_is_none_is_refused_without_the_password_in_it(client: Any) -> None:
    with pytest.raises(SettingsError, match="HOMECALL_MONGO_URL is no address") as refused:
        Database("mongodb://user:secret@:x", "intake", client)
    assert "secret" not in str(refused.value)
