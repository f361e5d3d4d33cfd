import asyncio
from pathlib import Path

import pytest

from tests.service.test_transfers import filled
from tests.services import running


@pytest.fixture(scope="session")
def full_export(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An export of a session with an archive, controls, literals and a pending question."""

    async def export(folder: Path) -> bytes:
        async with running(f"sqlite:///{folder}/semvec.db") as service:
            return await filled(service)

    return asyncio.run(export(tmp_path_factory.mktemp("full")))
