"""Small pieces of work that wait more than they compute, done a few at a time."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

AT_A_TIME = 4  # the files of more runs at once would only compete for the cores that train


def do_together(pieces: Sequence[Callable[[], object]]) -> None:
    """Call all `pieces` in threads, `AT_A_TIME` of them; a single one in this thread.

    All are called even where one raises; then the first error, in the order of `pieces`, is raised. When this is
    interrupted, pieces that have not begun are left out.
    """
    if len(pieces) < 2:
        for piece in pieces:
            piece()
        return
    pool = ThreadPoolExecutor(AT_A_TIME)
    try:
        done: list[Future[object]] = [pool.submit(piece) for piece in pieces]
        errors = [future.exception() for future in done]
    finally:
        pool.shutdown(cancel_futures=True)
    for error in errors:
        if error is not None:
            raise error
