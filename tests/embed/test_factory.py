from pathlib import Path

import pytest

from semvec.embed.factory import open_embedder
from semvec.embed.remote import RemoteEmbedder
from tests.embed.models import write_model


async def test_local_is_the_packaged_encoder() -> None:
    embedder = open_embedder("local")
    assert embedder is not None
    await embedder.start()
    (encoding,) = await embedder.encode(["The ferry leaves at seven."])
    await embedder.close()
    assert (embedder.model_name, embedder.dimension) == ("all-MiniLM-L6-v2", 384)
    assert encoding.tokens is not None
    assert encoding.tokens.vectors.shape == (6, 128)


async def test_local_with_a_directory_is_that_model(tmp_path: Path) -> None:
    embedder = open_embedder("local", str(write_model(tmp_path / "harbour")))
    assert embedder is not None
    await embedder.start()
    await embedder.close()
    assert (embedder.model_name, embedder.dimension) == ("harbour", 32)


def test_none_is_no_embedder() -> None:
    assert open_embedder("none") is None


def test_a_url_is_an_endpoint() -> None:
    embedder = open_embedder("https://embed.example/v1", "small", "key")
    assert isinstance(embedder, RemoteEmbedder)
    assert embedder.model_name == "small"


@pytest.mark.parametrize("embedder", ["", "toy", "ftp://embed.example", "http://"])
def test_anything_else_is_refused(embedder: str) -> None:
    with pytest.raises(ValueError, match=r"neither local nor none|is not an http"):
        open_embedder(embedder, "small")


def test_openai_needs_the_name_of_a_model() -> None:
    with pytest.raises(ValueError, match="needs the name of a model"):
        open_embedder("https://embed.example")
