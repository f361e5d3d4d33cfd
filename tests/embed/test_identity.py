import numpy as np
import pytest

from semvec.embed.identity import PROBES, ProbeVectors
from semvec.embed.local import LocalEmbedder
from semvec.embed.packaged import DIRECTORY
from semvec.vectors import Vector


def drawn(seed: int, common: float = 0.0, dimension: int = 384) -> Vector:
    """Vectors of an encoder; with `common`, all near one direction as E5's are."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((len(PROBES), dimension)) / np.sqrt(dimension)
    rows[:, 0] += common
    return normalised(rows)


def normalised(rows: Vector) -> Vector:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / norms, np.float32)


@pytest.mark.parametrize("common", [0.0, 2.0])
def test_noise_is_the_same_encoder_and_another_one_is_not(common: float) -> None:
    rows = drawn(1, common)
    probes = ProbeVectors.of(list(rows))
    noise = np.random.default_rng(2).standard_normal(rows.shape)
    near = normalised(rows + 0.2 * np.sqrt(probes.spread) * noise / np.sqrt(rows.shape[1]))
    assert probes.is_same_encoder(ProbeVectors.of(list(near)))
    assert not probes.is_same_encoder(ProbeVectors.of(list(drawn(3, common))))
    assert probes.is_same_probe(0, near[0])
    assert not probes.is_same_probe(0, drawn(3, common)[0])
    assert not probes.is_same_probe(0, rows[1])


def test_another_dimension_is_another_encoder() -> None:
    probes = ProbeVectors.of(list(drawn(1)))
    assert not probes.is_same_encoder(ProbeVectors.of(list(drawn(1, dimension=256))))


def test_records_come_back_as_they_were() -> None:
    probes = ProbeVectors.of(list(drawn(1)))
    assert probes.difference(ProbeVectors.unpacked(probes.packed(), 384)) == 0.0


async def test_the_packaged_encoder_is_itself_alone_and_in_company() -> None:
    embedder = LocalEmbedder(DIRECTORY)
    await embedder.start()
    together = await embedder.encode(PROBES)
    alone = [(await embedder.encode([text]))[0] for text in PROBES]
    await embedder.close()
    one, other = (ProbeVectors.of([each.vector for each in them]) for them in (together, alone))
    assert one.difference(other) < 0.01
    assert one.spread > 0.5
