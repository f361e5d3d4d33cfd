import pytest


@pytest.fixture(autouse=True)
def no_blocking_calls() -> None:
    """The database of a simulation is memory: a look at it is no blocking call."""
    return
