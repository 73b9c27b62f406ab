"""Tables on disk: parquet files, of which nothing is believed before it is checked."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.compute
import pyarrow.parquet

from daf.errors import ConfigError
from daf.files import strict_json
from daf.files.safe_read import open_regular
from daf.files.safe_write import replacing

MAX_BYTES = 512 * 1024**2
"""Of a file, of all numbers of a table, and of all its texts."""

MAX_VALUES = 50_000_000
MAX_COLUMNS = 10_000


def load_table(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The table in a parquet file.

    Args:
        columns: only these.

    Raises:
        ConfigError: the file cannot be read, is no table as DAF writes them, lacks a column, or
            would take more memory than accepted; one line that names it.
    """
    try:
        with open_regular(path, MAX_BYTES) as content:
            leaves = pyarrow.parquet.ParquetFile(content).schema
            texts = [leaf.path for leaf in map(leaves.column, range(len(leaves))) if _is_text(leaf)]
            content.seek(0)
            # Of texts that are all alike a file holds one; they are not to be made before they are
            # counted.
            with pyarrow.parquet.ParquetFile(content, read_dictionary=texts) as file:
                _check(path, file)
                lacking = sorted(set(columns or ()) - set(file.schema_arrow.names))
                if lacking:
                    raise ConfigError(f"{path}: has no column '{lacking[0]}'")
                table = file.read(columns=columns and list(columns))
        return _plain(table).to_pandas()
    except MemoryError:  # pyarrow's is an ArrowException, too, and says nothing about the file
        raise
    except OSError as error:
        reason = error.strerror or f"{error}"
        raise ConfigError(f"{path}: cannot be read ({reason})") from None
    except (pyarrow.ArrowException, ValueError, TypeError, KeyError, OverflowError) as error:
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
    with replacing(path) as file:
        table.to_parquet(file, index=False)


def _is_text(leaf: pyarrow.parquet.ColumnSchema) -> bool:
    return leaf.physical_type == "BYTE_ARRAY"


def _check(path: str | Path, file: pyarrow.parquet.ParquetFile) -> None:
    """Refuse what would be large, before it is read, and what others would read differently."""
    metadata, schema = file.metadata, file.schema_arrow
    if len(schema.names) > MAX_COLUMNS:
        raise ValueError(f"more than {MAX_COLUMNS} columns")
    if len(set(schema.names)) < len(schema.names):
        raise ValueError("two columns have the same name")
    for field in schema:
        if not _is_known(field.type):
            raise ValueError(f"column '{field.name}' holds {field.type}")
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    size = sum(group.total_byte_size for group in groups)
    # What is compressed to nothing, such as a repeated value, still has to be unpacked.
    values = metadata.num_rows * metadata.num_columns
    if not 0 <= size <= MAX_BYTES or not 0 <= values <= MAX_VALUES:
        raise ConfigError(f"{path}: too large; at most {MAX_VALUES:g} values are accepted")
    _check_pandas((metadata.metadata or {}).get(b"pandas", b"{}"), schema.names)


def _check_pandas(text: bytes, names: list[str]) -> None:
    """What pandas has noted in a file is not used here, but would be by others."""
    noted = strict_json.loads(text)
    try:
        told = [column["name"] for column in noted.get("columns", [])]
        plain = all(index["kind"] == "range" for index in noted.get("index_columns", []))
    except (AttributeError, KeyError, TypeError, IndexError):
        raise ValueError("its notes for pandas are none") from None
    if not plain or not set(told) <= set(names):
        raise ValueError("its notes for pandas are about other columns")


def _is_known(kind: pyarrow.DataType) -> bool:
    """Whether DAF has columns of such a kind: numbers, texts, lists of texts."""
    kinds = pyarrow.types
    plain = (kinds.is_integer, kinds.is_floating, kinds.is_boolean, kinds.is_null)
    return any(is_kind(kind) for is_kind in plain) or _in_dictionary(kind)


def _in_dictionary(kind: pyarrow.DataType) -> bool:
    kinds = pyarrow.types
    inner = kind.value_type if kinds.is_list(kind) else kind
    return kinds.is_dictionary(inner) and kinds.is_string(inner.value_type)


def _plain(table: pyarrow.Table) -> pyarrow.Table:
    """The same with texts as texts, if they are not too long together.

    Raises:
        ValueError: they are.
    """
    compute, kinds, size = pyarrow.compute, pyarrow.types, 0
    for number, field in enumerate(table.schema):
        if not _in_dictionary(field.type):
            continue
        listed, column = kinds.is_list(field.type), table.column(number)
        for chunk in column.chunks:
            texts = chunk.flatten() if listed else chunk
            lengths = compute.binary_length(texts.dictionary)
            size += (compute.sum(lengths.take(texts.indices)).as_py() or 0) + 8 * len(texts)
        if size > MAX_BYTES:
            raise ValueError(f"its texts take more than {MAX_BYTES} bytes")
        text = pyarrow.string()
        column = column.cast(pyarrow.list_(text) if listed else text)
        table = table.set_column(number, field.name, column)
    return table.replace_schema_metadata(None)
