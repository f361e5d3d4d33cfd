import pytest
from hypothesis import given
from hypothesis import strategies as st

from semvec.rate import Rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [("500/1000", Rate(500, 1000)), ("0.5/1", Rate(0.5, 1)), ("none", None)],
)
def test_a_rate_is_read_as_it_is_written(text: str, rate: Rate | None) -> None:
    assert Rate.parse(text) == rate
    assert rate is None or str(rate) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "5/",
        "/5",
        "5/x",
        "-5/5",
        "5/-5",
        "5/5.5",
        "1e3/5",
        "inf/5",
        "nan/5",
        "5/5/5",
        "0/5",
        "5/0",
        "100001/5",
        "0.001/10001",
        "None",
        " 5/5",
    ],
)
def test_a_bad_rate_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="must"):
        Rate.parse(text)


@given(st.integers(1, 100_000), st.integers(1, 10_000_000))
def test_every_rate_within_the_bounds_is_read(per_second: int, burst: int) -> None:
    assert Rate.parse(f"{per_second}/{burst}") == Rate(per_second, burst)
