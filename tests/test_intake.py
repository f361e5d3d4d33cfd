from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from semvec.errors import Invalid
from semvec.intake import MAX_ENCODER_DIMENSION, EncoderNames, FieldText, Intake, NewSession, Policy
from semvec.session.events import Profile
from semvec.tokens import tokens_of
from semvec.vectors import Encoding, unit_vector, unpacked


class Letters:
    """An embedder of 4 numbers that counts the letters a to d."""

    model_name, dimension = "letters", 4
    token_dimension = 4

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        self.calls.append(list(texts))
        counts = [[text.count(letter) for letter in "abcd"] for text in texts]
        shown = [each if any(each) else [1] * self.dimension for each in counts]
        vectors = [unit_vector(each, self.dimension, "text") for each in shown]
        return [
            Encoding(x, tokens_of(x[None], [text])) for x, text in zip(vectors, texts, strict=True)
        ]


def profile(
    intake: Intake,
    dimension: int | None = None,
    model: str | None = None,
    template: list[float] | None = None,
    policies: list[Policy] | None = None,
) -> Profile:
    return intake.profile(
        NewSession(dimension, model, template_embedding=template, policy_vectors=policies)
    )


def fields(error: Invalid) -> list[str | int]:
    return [fault["loc"][-1] for fault in error.faults]


def test_a_profile_without_wishes_is_the_embedders() -> None:
    made = profile(Intake(Letters(), 7))
    assert (made.dimension, made.model, made.long_term) == (4, "letters", 7)


def test_without_an_embedder_the_dimension_is_the_clients() -> None:
    assert profile(Intake(None, 7), 3).model is None
    with pytest.raises(Invalid, match="no embedder is configured") as refused:
        profile(Intake(None, 7))
    assert fields(refused.value) == ["dimension"]


def test_template_and_policy_vectors_become_unit_vectors() -> None:
    policies: list[Policy] = [{"embedding": [0, 5, 0, 0], "weight": 0.5, "label": "calm"}]
    made = profile(Intake(Letters(), 7), template=[3, 4, 0, 0], policies=policies)
    assert made.template is not None
    assert unpacked(made.template).tolist() == pytest.approx([0.6, 0.8, 0, 0])
    (policy,) = made.policies
    assert unpacked(policy.vector).tolist() == [0, 1, 0, 0]
    assert (policy.weight, policy.label) == (0.5, "calm")


def test_a_vector_of_another_length_is_refused_by_name() -> None:
    intake = Intake(Letters(), 7)
    with pytest.raises(Invalid, match="has 3 numbers, the session's dimension is 4") as refused:
        profile(intake, policies=[{"embedding": [1, 0, 0, 0]}, {"embedding": [1, 0, 0]}])
    assert refused.value.faults[0]["loc"] == ["body", "policy_vectors", 1]
    with pytest.raises(Invalid, match="has 5 numbers, the session's dimension is 4") as refused:
        profile(intake, template=[1, 0, 0, 0, 0])
    assert fields(refused.value) == ["template_embedding"]


@pytest.mark.parametrize(("dimension", "loaded"), [(None, "'letters'"), (8, "None")])
def test_a_model_that_is_not_the_sessions_is_refused(dimension: int | None, loaded: str) -> None:
    with pytest.raises(Invalid, match=f"'words', loaded is {loaded}") as refused:
        profile(Intake(Letters(), 7), dimension, "words")
    assert fields(refused.value) == ["model_name"]


async def test_text_for_a_session_of_another_dimension_is_refused() -> None:
    embedder = Letters()
    intake = Intake(embedder, 7)
    wide = profile(intake, 8)
    texts = [FieldText("message", "abc", [1.0] * 8), FieldText("response", "abc", None)]
    with pytest.raises(Invalid, match=r"letters gives 4 numbers.* holds 8 of its client") as error:
        await intake.encode_texts(wide, texts)
    assert fields(error.value) == ["response"]
    assert embedder.calls == []


async def test_text_for_a_session_of_the_same_model_with_other_vectors_is_refused() -> None:
    intake = Intake(Letters(), 7)
    wider = replace(profile(intake), dimension=5)
    with pytest.raises(Invalid, match=r"letters gives 4 numbers.* holds 5 of letters"):
        await intake.encode_texts(wider, [FieldText("q", "abc", None)])
    assert (await intake.injected(wider, "abc", [1.0] * 5)).tokens is None


async def test_only_texts_that_come_without_vectors_are_encoded() -> None:
    embedder = Letters()
    intake = Intake(embedder, 7)
    texts = [
        FieldText("message", "aaa", None),
        FieldText("response", "bbb", [0, 0, 2, 0]),
        FieldText("q", "ddd", None),
    ]
    found = await intake.encode_texts(profile(intake), texts)
    assert [each.text for each in found] == ["aaa", "bbb", "ddd"]
    assert [each.vector.argmax() for each in found] == [0, 2, 3]
    assert embedder.calls == [["aaa", "ddd"]]
    assert [each.tokens is not None for each in found] == [True, False, True]


async def test_a_session_made_without_token_vectors_gets_none() -> None:
    """Also where the embedder has learnt to give them, or gives others, since."""
    intake = Intake(Letters(), 7)
    made = profile(intake)
    assert made.token_dimension == 4
    for other in (0, 3):
        (said,) = await intake.encode_texts(
            replace(made, token_dimension=other), [FieldText("q", "a", None)]
        )
        assert said.tokens is None


async def test_what_is_injected_keeps_its_vector_and_gets_token_vectors() -> None:
    intake = Intake(Letters(), 7)
    made = profile(intake)
    said = await intake.injected(made, "aab", [0, 0, 0, 2])
    assert said.vector.tolist() == [0, 0, 0, 1]
    assert said.tokens is not None
    for other in (replace(made, model="digits"), replace(made, token_dimension=0)):
        assert (await intake.injected(other, "aab", [0, 0, 0, 2])).tokens is None


def test_a_first_text_with_a_vector_says_the_dimension_where_no_embedder_does() -> None:
    intake = Intake(None, 7)
    assert intake.profile_of(FieldText("message", "abc", [1.0, 2.0])).dimension == 2
    assert Intake(Letters(), 7).profile_of(FieldText("message", "abc", [1.0, 2.0])).dimension == 4
    for embedding in ([], [1.0] * (MAX_ENCODER_DIMENSION + 1)):
        with pytest.raises(Invalid, match=f"has {len(embedding)} numbers") as refused:
            intake.profile_of(FieldText("message", "abc", embedding))
        assert fields(refused.value) == ["message_embedding"]
    with pytest.raises(Invalid, match="no embedder is configured: send message_embedding"):
        intake.profile_of(FieldText("message", "abc", None))


async def test_an_injected_text_takes_the_vector_that_comes_with_it() -> None:
    intake = Intake(Letters(), 7)
    said = await intake.injected(profile(intake), "aaa", [0, 0, 2, 0])
    assert (said.text, said.vector.tolist()) == ("aaa", [0, 0, 1, 0])
    with pytest.raises(Invalid, match="embedding has 2 numbers") as refused:
        await intake.injected(profile(intake), "aaa", [1, 0])
    assert fields(refused.value) == ["embedding"]


def test_an_encoder_is_known_by_all_its_names() -> None:
    intake = Intake(Letters(), 7)
    intake.recognise(EncoderNames("host-a", frozenset({"host-a", "host-b"})))
    made = profile(intake)
    assert made.model == "host-a"
    assert profile(intake, model="host-b") == made
    assert intake.encodes(replace(made, model="host-b"))
    assert intake.same_vectors(made, replace(made, model="host-b"))
    for other in (
        replace(made, model="letters"),
        replace(made, model=None),
        replace(made, dimension=5),
    ):
        assert not intake.encodes(other)
        assert not intake.same_vectors(made, other)
    with pytest.raises(Invalid, match="model_name is 'letters', loaded is 'host-a'"):
        profile(intake, model="letters")
