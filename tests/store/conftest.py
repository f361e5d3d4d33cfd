from collections.abc import AsyncIterator

import pytest

from semvec.store import Store


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """An open store on a fresh database."""
    store = Store(database_url)
    await store.open()
    yield store
    await store.close()
