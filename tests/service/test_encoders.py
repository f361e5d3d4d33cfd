"""Sessions stay with the encoder of their vectors, whatever its host or its name."""

import logging
from collections.abc import Sequence

import numpy as np
import pytest
import sqlalchemy

from semvec.embed.protocol import TextRefused
from semvec.errors import Conflict, Invalid
from semvec.intake import NewSession
from semvec.service import Service
from semvec.vectors import Encoding, unit_vector
from tests.services import OWNER, running

DIMENSION = 32


class Drawn:
    """An embedder whose vectors depend on nothing but the text and its `model`."""

    dimension, token_dimension = DIMENSION, 0

    def __init__(self, model_name: str, model: str = "first", noise: float = 0.0) -> None:
        self.model_name, self._model, self._noise = model_name, model, noise
        self._random = np.random.default_rng(7)

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        if "refused" in texts:
            raise TextRefused(list(texts).index("refused"), "it is refused")
        return [Encoding(unit_vector(self._row(text), DIMENSION, "text")) for text in texts]

    def _row(self, text: str) -> list[float]:
        draw = np.random.default_rng(list((self._model + text).encode()))
        row = draw.standard_normal(DIMENSION)
        noisy: list[float] = (row + self._noise * self._random.standard_normal(DIMENSION)).tolist()
        return noisy


async def learn(service: Service, text: str, session_id: str = "s") -> None:
    await service.conversation.store(
        OWNER, session_id=session_id, response=text, response_embedding=None
    )


async def made(service: Service, session_id: str = "s") -> None:
    await service.sessions.create(OWNER, session_id, NewSession())
    await learn(service, "the ferry leaves at seven", session_id)


async def forget_encoders(service: Service) -> None:
    """As a release leaves its database that kept no records of encoders."""
    async with service.database.engine.begin() as connection:
        await connection.execute(sqlalchemy.text("DELETE FROM encoders"))


async def test_the_same_model_at_another_host_is_the_same_encoder(database_url: str) -> None:
    async with running(database_url, embedder=Drawn("host-a")) as service:
        await made(service)
    async with running(database_url, embedder=Drawn("host-b", noise=0.1)) as service:
        await learn(service, "the tide turns at nine")
        for name in (None, "host-a"):
            wanted = NewSession(model_name=name)
            assert not (await service.sessions.create(OWNER, "s", wanted)).created


async def test_another_model_of_the_same_name_is_another_encoder(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(database_url, embedder=Drawn("host")) as service:
        await made(service)
    with caplog.at_level(logging.WARNING):
        async with running(database_url, embedder=Drawn("host", "second")) as service:
            assert "gives other vectors than host gave" in caplog.text
            with pytest.raises(Invalid, match="this session holds 32 of host"):
                await learn(service, "the tide turns at nine")
            with pytest.raises(Conflict, match="exists with dimension 32 and host"):
                await service.sessions.create(OWNER, "s", NewSession())
            await made(service, "new")
    caplog.clear()
    async with running(database_url, embedder=Drawn("host")) as service:
        assert "gives other vectors" not in caplog.text
        await learn(service, "the tide turns at nine")
        with pytest.raises(Invalid, match="this session holds 32 of host@"):
            await learn(service, "the tide turns at nine", "new")


@pytest.mark.parametrize("name", ["host", "moved"])
async def test_sessions_of_a_release_without_records_are_taken_over_by_their_vectors(
    database_url: str, name: str
) -> None:
    async with running(database_url, embedder=Drawn("host")) as service:
        await made(service)
        await forget_encoders(service)
    async with running(database_url, embedder=Drawn(name)) as service:
        await learn(service, "the tide turns at nine")


async def test_sessions_of_a_release_without_records_are_not_taken_over_by_their_name(
    database_url: str,
) -> None:
    async with running(database_url, embedder=Drawn("host")) as service:
        await made(service)
        await forget_encoders(service)
    for model in ("second", "third"):
        async with running(database_url, embedder=Drawn("host", model)) as service:
            with pytest.raises(Invalid, match="this session holds 32 of host:"):
                await learn(service, "the tide turns at nine")
    async with running(database_url, embedder=Drawn("host")) as service:
        await learn(service, "the tide turns at nine")


async def test_a_refused_text_is_the_callers_fault_and_names_its_field(database_url: str) -> None:
    async with running(database_url, embedder=Drawn("host")) as service:
        await made(service)
        with pytest.raises(Invalid, match="response cannot be encoded: it is refused") as caught:
            await service.conversation.store_exchange(
                OWNER,
                session_id="s",
                message="why",
                response="refused",
                message_embedding=None,
                response_embedding=None,
            )
        assert caught.value.faults[0]["loc"] == ["body", "response"]
