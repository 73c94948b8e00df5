"""What the tests of the confirmatory report read of the collected runs, once for a module."""

import pytest

from support.claims_again import Tables
from support.confirmed import differences_again, runs_of_all


@pytest.fixture(scope="module")
def tables() -> Tables:
    return runs_of_all()


@pytest.fixture(scope="module")
def again() -> dict[str, list[list[float]]]:
    return differences_again()
