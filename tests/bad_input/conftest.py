"""Fixture for invalid input: exactly one `ConfigError` with one line."""

import pytest

from daf.config import ConfigError


@pytest.fixture
def refused():
    """Return a function that runs a failing call and returns its one-line message."""

    def line_of(call, *arguments) -> str:
        with pytest.raises(ConfigError) as caught:
            call(*arguments)
        line = str(caught.value)
        assert line.splitlines() == [line]
        return line

    return line_of
