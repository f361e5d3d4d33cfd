"""The embedder that the settings ask for."""

from pathlib import Path

from semvec.embed.local import LocalEmbedder
from semvec.embed.packaged import DIRECTORY, MODEL_NAME, SHA256
from semvec.embed.protocol import Embedder
from semvec.embed.remote import RemoteEmbedder
from semvec.telemetry.protocol import SILENT, Batches


def open_embedder(
    embedder: str,
    model: str | None = None,
    api_key: str | None = None,
    telemetry: Batches = SILENT,
) -> Embedder | None:
    """The embedder that the settings ask for, not yet started.

    `embedder` is "local", "none" (clients bring vectors: no embedder) or an endpoint's URL;
    `model` is a model directory for "local" (None: the packaged one), a model's name for a URL.
    ValueError if these make no sense.
    """
    if embedder == "none":
        return None
    if embedder.startswith(("http://", "https://")):
        return RemoteEmbedder(embedder, model=model, api_key=api_key, telemetry=telemetry)
    if embedder != "local":
        raise ValueError(f"{embedder!r} is neither local nor none nor an http(s) URL")
    if model is not None:
        return LocalEmbedder(Path(model), telemetry=telemetry)
    return LocalEmbedder(DIRECTORY, model_name=MODEL_NAME, sums=SHA256, telemetry=telemetry)
