"""What clients send, as sessions take it: texts with unit vectors, profiles of new sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from semvec.embed.protocol import Embedder
from semvec.errors import Invalid
from semvec.session.events import PolicyVector, Profile
from semvec.session.turn import Said
from semvec.vectors import packed, unit_vector


class Policy(TypedDict):
    """A standing anchor as a client gives it."""

    embedding: list[float]
    weight: NotRequired[float]
    label: NotRequired[str | None]


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a request field, and its embedding where the client brings one."""

    field: str
    words: str
    embedding: list[float] | None


class Intake:
    def __init__(self, embedder: Embedder | None, long_term: int) -> None:
        self._embedder, self._long_term = embedder, long_term

    def profile(
        self,
        dimension: int | None,
        model_name: str | None,
        topic_switch: bool,
        template: list[float] | None,
        policies: Sequence[Policy] | None,
        long_term: int | None,
    ) -> Profile:
        """What a new session is made with; the embedder's model unless the dimension is another."""
        loaded = self._embedder
        if dimension is None:
            if loaded is None:
                raise Invalid.field(
                    "dimension",
                    "no embedder is configured: give the dimension, or send an embedding",
                )
            dimension = loaded.dimension
        ours = loaded is not None and loaded.dimension == dimension
        model = loaded.model_name if loaded is not None and ours else None
        if model_name is not None and model_name != model:
            raise Invalid.field("model_name", f"model_name is {model_name!r}, loaded is {model!r}")
        return Profile(
            dimension=dimension,
            model=model,
            long_term=long_term or self._long_term,
            topic_switch=topic_switch,
            template=vector_bytes(template, dimension, "template_embedding"),
            policies=tuple(policy_vector(each, dimension) for each in policies or ()),
        )

    async def said(self, profile: Profile, texts: Sequence[Text]) -> list[Said]:
        """Each text with its unit vector; one call of the embedder for those without."""
        for each in texts:
            if each.embedding is None:
                self._check_model(profile, each.field)
        given = {
            each.field: unit_vector(each.embedding, profile.dimension, f"{each.field}_embedding")
            for each in texts
            if each.embedding is not None
        }
        words = [each.words for each in texts if each.field not in given]
        if words and self._embedder is not None:
            encodings = iter(await self._embedder.encode(words))
        return [
            Said(each.words, given[each.field] if each.field in given else next(encodings).vector)
            for each in texts
        ]

    def _check_model(self, profile: Profile, field: str) -> None:
        """Raises Invalid where the embedder cannot give this session's vectors."""
        wants = f"send {field}_embedding with {profile.dimension} numbers"
        if self._embedder is None:
            raise Invalid.field(field, f"{field} is text, and no embedder is configured: {wants}")
        if profile.model != self._embedder.model_name:
            raise Invalid.field(
                field,
                f"{field} is text; the embedder {self._embedder.model_name} gives "
                f"{self._embedder.dimension} numbers, this session holds "
                f"{profile.dimension} of {profile.model or 'its client'}: {wants}",
            )


def vector_bytes(values: list[float] | None, dimension: int, field: str) -> bytes | None:
    return None if values is None else packed(unit_vector(values, dimension, field))


def policy_vector(policy: Policy, dimension: int) -> PolicyVector:
    vector = packed(unit_vector(policy["embedding"], dimension, "policy_vectors"))
    return PolicyVector(vector, policy.get("weight", 1.0), policy.get("label"))
