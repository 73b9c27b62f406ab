"""Tables on disk: parquet files, of which nothing is believed before it is checked."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.parquet

from daf.config import ConfigError

MAX_BYTES = 4 * 1024**3
MAX_VALUES = 10**9


def load_table(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The table in a parquet file.

    Args:
        columns: only these.

    Raises:
        ConfigError: the file cannot be read, is no parquet file, lacks a column, or would take more
            than 4 GiB of memory; one line that names it.
    """
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            _check_size(path, file.metadata)
            lacking = sorted(set(columns or ()) - set(file.schema_arrow.names))
            if lacking:
                raise ConfigError(f"{path}: has no column '{lacking[0]}'")
            return file.read(columns=columns and list(columns)).to_pandas()
    except OSError as error:
        reason = error.strerror or f"{error}"
        raise ConfigError(f"{path}: cannot be read ({reason})") from None
    except (pyarrow.ArrowException, ValueError, TypeError, KeyError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path}: not a readable parquet file ({error})") from None


def load_tables(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Several tables with the same columns as one; see `load_table`."""
    return pd.concat([load_table(path) for path in paths], ignore_index=True)


def save_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table.

    Raises:
        OSError: it cannot be written.
    """
    table.to_parquet(path, index=False)


def _check_size(path: str | Path, metadata: pyarrow.parquet.FileMetaData) -> None:
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    size = sum(group.total_byte_size for group in groups)
    # What is compressed to nothing, such as a repeated value, still has to be unpacked.
    values = metadata.num_rows * metadata.num_columns
    if not 0 <= size <= MAX_BYTES or not 0 <= values <= MAX_VALUES:
        raise ConfigError(f"{path}: too large; at most {MAX_VALUES:g} values are accepted")
