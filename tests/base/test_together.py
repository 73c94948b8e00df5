"""Pieces of work done a few at a time: all of them, and the first error is raised afterwards."""

import threading
from functools import partial

import pytest

from warmuplab.base.together import AT_A_TIME, do_together


def test_they_overlap() -> None:
    met = threading.Barrier(AT_A_TIME, timeout=20)  # breaks unless so many wait at the same time
    do_together([met.wait] * AT_A_TIME)


def test_an_error_stops_no_other_piece_and_the_first_is_raised() -> None:
    done: list[int] = []

    def piece(number: int) -> None:
        done.append(number)
        if number in (1, 3):
            raise ValueError(str(number))

    with pytest.raises(ValueError, match="1"):
        do_together([partial(piece, number) for number in range(6)])
    assert sorted(done) == list(range(6))
