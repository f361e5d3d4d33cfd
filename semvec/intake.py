"""Conversion of client input: texts with unit vectors, profiles of new sessions."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from semvec.dependency_health import DependencyHealth
from semvec.embed.protocol import Embedder, TextRefused
from semvec.errors import Invalid
from semvec.offloop import OffLoop
from semvec.session.events import Profile, StoredPolicyVector
from semvec.session.longtexts import long, prepare
from semvec.session.turn import EncodedText
from semvec.telemetry.protocol import Span
from semvec.vectors import Encoding, packed, unit_vector

MAX_ENCODER_DIMENSION = 16_384
PROBE = "ready"
"""A text that every embedder can encode."""


class Policy(TypedDict):
    """A permanent anchor as a client sends it."""

    embedding: list[float]
    weight: NotRequired[float]
    label: NotRequired[str | None]


@dataclass(frozen=True, slots=True)
class FieldText:
    """A text of a request field, with its embedding if the client sent one."""

    field: str
    words: str
    embedding: list[float] | None


@dataclass(frozen=True, slots=True)
class NewSession:
    """A client's settings for a new session; None means the server's default."""

    dimension: int | None = None
    model_name: str | None = None
    enable_topic_switch: bool = True
    template_embedding: list[float] | None = None
    policy_vectors: Sequence[Policy] | None = None
    long_term_memories: int | None = None


@dataclass(frozen=True, slots=True)
class EncoderNames:
    """The names of the embedder in sessions.

    `name` is for new sessions; `all` are the names of existing sessions with vectors of the same
    encoder.
    """

    name: str
    all: frozenset[str]


class Intake:
    def __init__(
        self,
        embedder: Embedder | None,
        long_term: int,
        span: Span = nullcontext,
        off_loop: OffLoop | None = None,
    ) -> None:
        self._embedder, self._long_term, self._span = embedder, long_term, span
        self._off_loop = off_loop or OffLoop()
        self.embedding = DependencyHealth("the embedder", self._probe)
        self._recognised: EncoderNames | None = None

    def recognise(self, names: EncoderNames) -> None:
        """Set the names under which sessions hold vectors of the embedder."""
        self._recognised = names

    def same_vectors(self, one: Profile, other: Profile) -> bool:
        """Whether two sessions hold vectors of the same encoder and dimension."""
        return (one.dimension, self._canonical(one.model)) == (
            other.dimension,
            self._canonical(other.model),
        )

    def _canonical(self, model: str | None) -> str | None:
        names = self._names
        return names.name if names is not None and model in names.all else model

    @property
    def _names(self) -> EncoderNames | None:
        if self._recognised is not None or self._embedder is None:
            return self._recognised
        return EncoderNames(self._embedder.model_name, frozenset({self._embedder.model_name}))

    @property
    def embeds(self) -> bool:
        return self._embedder is not None

    def profile(self, wanted: NewSession) -> Profile:
        """Build the profile of a new session. It has the embedder's model unless the dimension
        differs."""
        loaded, names, dimension = self._embedder, self._names, wanted.dimension
        if dimension is None:
            if loaded is None:
                raise Invalid.field(
                    "dimension",
                    "no embedder is configured: give the dimension, or send an embedding",
                )
            dimension = loaded.dimension
        ours = loaded is not None and loaded.dimension == dimension
        model = names.name if names is not None and ours else None
        if wanted.model_name is not None and self._canonical(wanted.model_name) != model:
            raise Invalid.field(
                "model_name", f"model_name is {wanted.model_name!r}, loaded is {model!r}"
            )
        policies = enumerate(wanted.policy_vectors or ())
        return Profile(
            dimension=dimension,
            model=model,
            long_term=wanted.long_term_memories or self._long_term,
            topic_switch=wanted.enable_topic_switch,
            template=vector_bytes(wanted.template_embedding, dimension, "template_embedding"),
            policies=tuple(policy_vector(each, dimension, place) for place, each in policies),
            token_dimension=loaded.token_dimension if loaded is not None and ours else 0,
        )

    def profile_of(self, first: FieldText) -> Profile:
        """Build the profile of a session that starts with this text. Raises Invalid if neither an
        embedder nor an embedding of the text gives the dimension."""
        if self._embedder is not None:
            return self.profile(NewSession())
        if first.embedding is None:
            raise unencodable(first.field, f"send {first.field}_embedding")
        field = f"{first.field}_embedding"
        if not 0 < len(first.embedding) <= MAX_ENCODER_DIMENSION:
            raise Invalid.field(
                field,
                f"{field} has {len(first.embedding)} numbers, not 1 to {MAX_ENCODER_DIMENSION}",
            )
        return self.profile(NewSession(dimension=len(first.embedding)))

    def encodes(self, profile: Profile) -> bool:
        """Whether the embedder gives the kind of vectors that the session holds."""
        loaded, names = self._embedder, self._names
        return (
            loaded is not None
            and names is not None
            and loaded.dimension == profile.dimension
            and profile.model in names.all
        )

    async def encode_texts(self, profile: Profile, texts: Sequence[FieldText]) -> list[EncodedText]:
        """Return each text with its unit vector, with one call of the embedder for those without an
        embedding. Terms of long texts are computed first, on a thread."""
        for each in texts:
            if each.embedding is None:
                self._check_model(profile, each.field)
        given = {
            each.field: unit_vector(each.embedding, profile.dimension, f"{each.field}_embedding")
            for each in texts
            if each.embedding is not None
        }
        if found_long := long(each.words for each in texts):
            await self._off_loop.run(prepare, found_long)
        encoded = {each.field: each.words for each in texts if each.field not in given}
        encodings = await self._encode(profile, encoded) if encoded else []
        found = dict(zip(encoded, encodings, strict=True))
        found |= {field: Encoding(vector) for field, vector in given.items()}
        return [
            EncodedText(each.words, found[each.field].vector, found[each.field].tokens)
            for each in texts
        ]

    async def injected(self, profile: Profile, text: str, embedding: list[float]) -> EncodedText:
        """Return a text with the vector for its memory, and with token vectors if the embedder
        gives the kind that the session holds."""
        vector = unit_vector(embedding, profile.dimension, "embedding")
        if not self.encodes(profile) or not profile.token_dimension:
            return EncodedText(text, vector)
        (encoding,) = await self._encode(profile, {"text": text})
        return EncodedText(text, vector, encoding.tokens)

    async def _encode(self, profile: Profile, words: Mapping[str, str]) -> list[Encoding]:
        """Encode texts by field. Token vectors are left out if the session has none of their
        dimension. Raises Invalid for a text that cannot be encoded."""
        assert self._embedder is not None
        try:
            with self._span("encode"), self.embedding.observed():
                encodings = await self._embedder.encode(list(words.values()))
        except TextRefused as error:
            field = list(words)[error.place]
            raise Invalid.field(field, f"{field} cannot be encoded: {error.detail}") from error
        if self._embedder.token_dimension == profile.token_dimension:
            return encodings
        return [Encoding(each.vector) for each in encodings]

    async def _probe(self) -> None:
        assert self._embedder is not None
        with self.embedding.observed():
            await self._embedder.encode([PROBE])

    def _check_model(self, profile: Profile, field: str) -> None:
        """Raise Invalid if the embedder cannot give this session's vectors."""
        wants = f"send {field}_embedding with {profile.dimension} numbers"
        if self._embedder is None:
            raise unencodable(field, wants)
        if not self.encodes(profile):
            raise Invalid.field(
                field,
                f"{field} is text; the embedder {self._names.name if self._names else ''} gives "
                f"{self._embedder.dimension} numbers, this session holds "
                f"{profile.dimension} of {profile.model or 'its client'}: {wants}",
            )


def vector_bytes(values: list[float] | None, dimension: int, field: str) -> bytes | None:
    return None if values is None else packed(unit_vector(values, dimension, field))


def policy_vector(policy: Policy, dimension: int, place: int) -> StoredPolicyVector:
    vector = packed(unit_vector(policy["embedding"], dimension, "policy_vectors", place))
    return StoredPolicyVector(vector, policy.get("weight", 1.0), policy.get("label"))


def unencodable(field: str, remedy: str) -> Invalid:
    return Invalid.field(field, f"{field} is text, and no embedder is configured: {remedy}")
