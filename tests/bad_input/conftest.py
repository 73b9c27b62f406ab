"""What every bad input has in common: one `ConfigError`, one line, the whole of it known."""

import pytest

from daf.config import ConfigError


@pytest.fixture
def refused():
    """A function that runs a call which must be refused, and gives the one line that says why."""

    def line_of(call, *arguments) -> str:
        with pytest.raises(ConfigError) as caught:
            call(*arguments)
        line = str(caught.value)
        assert line.splitlines() == [line]
        return line

    return line_of
