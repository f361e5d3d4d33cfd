"""Where an embedding endpoint is, and how its kind is asked."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

import msgspec
from yarl import URL

Dialect = Literal["openai", "tei", "ollama"]


@dataclass(frozen=True, slots=True)
class EmbeddingEndpoint:
    """An address to post texts to; `shown` is the address without anything secret."""

    url: URL = field(repr=False)
    dialect: Dialect
    model: str | None

    @classmethod
    def of(cls, address: str, model: str | None) -> Self:
        """ValueError for an address that cannot be used, or without the name of a needed model.

        A path that ends in `/api/embed` is Ollama's own, any other that ends in `/embed` that of
        text-embeddings-inference. The rest is asked as OpenAI is, with `/embeddings` added after
        `/v1`, or `/v1/embeddings` after anything else that does not end so.
        """
        url = URL(address)
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError(f"{_shown(url)} is not an http(s) URL")
        _refuse_known_strangers(url)
        endpoint = cls(*_completed(url), model)
        if model is None and endpoint.dialect != "tei":
            raise ValueError(f"{endpoint.shown} needs the name of a model: SEMVEC_EMBED_MODEL")
        return endpoint

    @property
    def shown(self) -> str:
        return _shown(self.url)

    @property
    def host(self) -> str:
        return str(self.url.host)

    @property
    def target(self) -> URL:
        """The address without user and password: these go into a header."""
        return self.url.with_user(None)

    def headers(self, api_key: str | None) -> dict[str, str]:
        """Azure takes keys in a header of its own, and only signed tokens as bearer tokens."""
        headers = {"Content-Type": "application/json"}
        if api_key and self._is_azure and not api_key.startswith("eyJ"):
            headers["api-key"] = api_key
        elif api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        elif self.url.user is not None:
            login = f"{self.url.user}:{self.url.password or ''}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(login).decode()}"
        return headers

    def body(self, texts: Sequence[str], *, with_format: bool) -> bytes:
        """Nothing may be cut off unseen: a text that is too long has to be refused."""
        match self.dialect:
            case "tei":
                return msgspec.json.encode({"inputs": texts, "truncate": False})
            case "ollama":
                asked = {"model": self.model, "input": texts, "truncate": False}
                return msgspec.json.encode(asked)
        form = {"encoding_format": "float"} if with_format else {}
        return msgspec.json.encode({"model": self.model, "input": texts, **form})

    @property
    def _is_azure(self) -> bool:
        return self.host.endswith(".azure.com") or "/openai/deployments/" in self.url.path


def _completed(url: URL) -> tuple[URL, Dialect]:
    path = url.path.rstrip("/")
    if path.endswith("/api/embed"):
        return url.with_path(path, keep_query=True), "ollama"
    if path.endswith("/embed"):
        return url.with_path(path, keep_query=True), "tei"
    if path.endswith("/v1"):
        path += "/embeddings"
    elif not path.endswith("/embeddings"):
        path += "/v1/embeddings"
    return url.with_path(path, keep_query=True), "openai"


def _refuse_known_strangers(url: URL) -> None:
    """ValueError for forms that are not spoken, naming the one that is."""
    path, host = url.path.rstrip("/"), str(url.host)
    if host.endswith((".cohere.com", ".cohere.ai")) and path.endswith("/embed"):
        raise ValueError(f"{_shown(url)}: name https://{host}/compatibility/v1 instead")
    if ":embedContent" in path or ":batchEmbedContents" in path:
        raise ValueError(f"{_shown(url)}: name https://{host}/v1beta/openai/embeddings instead")


def _shown(url: URL) -> str:
    return str(url.with_user(None).with_query(None).with_fragment(None)) if url.host else "it"
