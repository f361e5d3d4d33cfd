from hypothesis import given
from hypothesis import strategies as st

from semvec.session.context import BYTES_PER_TOKEN, CUT_MARK, context_block, shortened

LONG = "Ada moved to Turin in May. She took the night train. Her desk faces the river Po. " * 9


def test_best_first_under_a_header() -> None:
    block = context_block(12, 7, ["Ada lives in Turin.", "Her cat is Pippo."], 350).text
    header, *lines = block.splitlines()
    assert "12 turns" in header
    assert "7 memories" in header
    assert lines == ["- Ada lives in Turin.", "- Her cat is Pippo."]


def test_a_pair_stays_one_item() -> None:
    block = context_block(1, 1, ["Where?\nIn Turin."], 350).text
    assert block.splitlines()[1:] == ["- Where?", "  In Turin."]


def test_long_memories_are_cut_at_a_sentence_end_and_say_so() -> None:
    block = context_block(1, 2, [LONG, "Short one."], 100).text
    _, first, second = block.splitlines()
    assert first.endswith("." + CUT_MARK)
    assert second == "- Short one."


def test_without_memories_there_is_a_header_alone() -> None:
    assert context_block(0, 0, [], 350).text == "Memory of this conversation: 0 turns, 0 memories."


@given(st.lists(st.text(min_size=1), max_size=30), st.integers(50, 400))
def test_the_block_keeps_to_its_budget(texts: list[str], budget: int) -> None:
    texts = [text.encode(errors="ignore").decode() for text in texts]
    assert len(context_block(9, 9, texts, budget).text.encode()) <= budget * BYTES_PER_TOKEN


@given(st.text(), st.integers(8, 80))
def test_shortening_keeps_a_prefix_within_the_limit(text: str, limit: int) -> None:
    text = text.encode(errors="ignore").decode()
    cut = shortened(text, limit)
    assert cut == text or (
        len(cut.encode()) <= limit
        and text.startswith(cut.removesuffix(CUT_MARK))
        and cut.endswith(CUT_MARK)
    )


def test_words_are_not_split() -> None:
    assert (
        shortened("incomprehensibilities of naming things", 34)
        == "incomprehensibilities of" + CUT_MARK
    )


def test_a_memory_of_many_lines_is_cut_and_not_left_out() -> None:
    items = "\n".join(f"- item {number} of the list" for number in range(200))
    block = context_block(3, 3, [items, "中\n" * 5000, "Short one."], 350).text
    _, *lines = block.splitlines()
    assert lines[:2] == ["- - item 0 of the list", "  - item 1 of the list"]
    assert "- 中" in lines
    assert sum(line.endswith(CUT_MARK) for line in lines) == 2
    assert len(block.encode()) <= 350 * BYTES_PER_TOKEN
