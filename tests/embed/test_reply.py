import json

import numpy as np
import pytest

from semvec.embed.reply import unit_rows


@pytest.mark.parametrize(
    "content",
    [
        {"embedding": [1, 2]},
        {"detail": "no"},
        "text",
        None,
        {"data": {"float16": []}},
        {"data": [{"index": 0}]},
        {"data": [{"index": 0, "embedding": "AAAA"}]},
        {"data": [{"index": 0, "embedding": "not base64!"}]},
        {"data": [{"index": 0, "embedding": [[1, 2], [3, 4]]}]},
        {"data": [{"index": 0, "embedding": [True, False]}]},
        {"data": [{"index": 0, "embedding": [1, [2]]}]},
        {"data": [{"index": 0, "embedding": [1e300, 1e300, 1e300, 1e300]}]},
        [[0.0, 0.0]],
        [[]],
    ],
)
def test_what_is_no_vector_is_refused(content: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        unit_rows(json.dumps(content).encode(), 1, None)


def test_one_vector_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="not vectors of one length"):
        unit_rows(b"[[1, 2], [1, 2, 3]]", 2, None)
    with pytest.raises(ValueError, match="2 dimensions where there were 3"):
        unit_rows(b"[[1, 2]]", 1, 3)


def test_deep_json_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        unit_rows(b"[" * 100_000, 1, None)


def test_the_form_of_one_text_names_what_to_use() -> None:
    with pytest.raises(ValueError, match="/api/embed"):
        unit_rows(b'{"embedding": [1.0, 2.0]}', 1, None)


def test_integers_are_numbers() -> None:
    (row,) = unit_rows(b"[[3, 4]]", 1, None)
    np.testing.assert_allclose(row, [0.6, 0.8])
