import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from semvec.kernels import plan
from tests.kernels import cases
from tests.kernels.cases import seeds

processors = st.sampled_from([1, 2, 132])


@given(seeds, st.integers(0, 6), st.integers(0, 30_000), processors)
def test_stretches_are_all_rows_of_each_query(seed: int, number: int, rows: int, many: int) -> None:
    runs = cases.some_runs(np.random.default_rng(seed), number, rows)
    stretches, blocks = plan.stretches(runs, many)
    assert len(blocks.numbers) == number
    at: list[list[int]] = [[] for _ in range(number)]
    for query, first, last in blocks.items:
        assert 1 <= stretches[first:last, 1].sum() <= 2 * plan.MOST_ROWS
        for start, length, place in stretches[first:last]:
            assert place == sum(map(len, at))
            at[query] += range(start, start + length)
    assert at == cases.rows_of(runs)
    assert (np.repeat(np.arange(number), blocks.numbers) == blocks.items[:, 0]).all()


@given(
    seeds,
    st.integers(0, 5),
    st.integers(0, 3000),
    st.integers(0, 256),
    st.integers(0, 4),
    processors,
)
def test_chunks_are_all_memories_of_each_question(
    seed: int, number: int, memories: int, units: int, reach: int, many: int
) -> None:
    rng = np.random.default_rng(seed)
    questions = cases.some_questions(rng, number, 1, units)
    runs = cases.single_runs(rng, number, memories)
    blocks = plan.chunks(questions, runs, many, reach, cases.no_evidence(questions))
    at: list[list[int]] = [[] for _ in range(number)]
    for query, item in zip(np.repeat(np.arange(number), blocks.numbers), blocks.items, strict=True):
        unit, own_units, low, high, first, last, origin, place = item[:8]
        end = runs.ends[query]
        assert (unit, unit + own_units) == tuple(questions.offsets[query : query + 2])
        assert origin == runs.starts[query]
        assert (low, high) == (max(origin, first - reach), min(end, last + reach))
        assert place == sum(map(len, at))
        assert 1 <= last - first <= plan.MOST_MEMORIES
        at[query] += range(first, last)
    assert at == cases.rows_of(runs)
    assert plan.shared_bytes(blocks.items) <= plan.STAGE_BYTES + plan.SLOT_BYTES
