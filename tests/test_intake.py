from collections.abc import Sequence

import pytest

from semvec.errors import Invalid
from semvec.intake import Intake, Policy, Text
from semvec.session.events import Profile
from semvec.vectors import Encoding, unit_vector, unpacked


class Letters:
    """An embedder of 4 numbers that counts the letters a to d."""

    model_name, dimension = "letters", 4

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        self.calls.append(list(texts))
        counts = [[text.count(letter) for letter in "abcd"] for text in texts]
        return [Encoding(unit_vector(each, self.dimension, "text")) for each in counts]


def profile(
    intake: Intake,
    dimension: int | None = None,
    model: str | None = None,
    template: list[float] | None = None,
    policies: list[Policy] | None = None,
) -> Profile:
    return intake.profile(dimension, model, True, template, policies, None)


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
    assert fields(refused.value) == ["policy_vectors"]
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
    texts = [Text("message", "abc", [1.0] * 8), Text("response", "abc", None)]
    with pytest.raises(Invalid, match=r"letters gives 4 numbers.* holds 8 of its client") as error:
        await intake.said(wide, texts)
    assert fields(error.value) == ["response"]
    assert embedder.calls == []


async def test_only_texts_that_come_without_vectors_are_encoded() -> None:
    embedder = Letters()
    intake = Intake(embedder, 7)
    texts = [
        Text("message", "aaa", None),
        Text("response", "bbb", [0, 0, 2, 0]),
        Text("q", "ddd", None),
    ]
    found = await intake.said(profile(intake), texts)
    assert [each.text for each in found] == ["aaa", "bbb", "ddd"]
    assert [each.vector.argmax() for each in found] == [0, 2, 3]
    assert embedder.calls == [["aaa", "ddd"]]
