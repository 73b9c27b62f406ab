"""Parquet files of tables, checked against size limits and unexpected content before reading."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow
import pyarrow.compute
import pyarrow.parquet

from daf.errors import ConfigError
from daf.files import strict_json
from daf.files.safe_read import open_regular_file
from daf.files.safe_write import atomic_write

MAX_BYTES = 512 * 1024**2
"""Maximum size of a file, of all numbers of a table, and of all its texts."""

MAX_VALUES = 50_000_000
MAX_COLUMNS = 10_000


def load_table(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Load the table of a parquet file.

    Args:
        path: path of the file.
        columns: names of the columns to load; None for all.

    Raises:
        ConfigError: the file cannot be read, is no table of DAF, lacks a column, or exceeds the
            size limits; one line that names the file.
    """
    try:
        with open_regular_file(path, MAX_BYTES) as content:
            leaves = pyarrow.parquet.ParquetFile(content).schema
            texts = [
                leaf.path
                for leaf in map(leaves.column, range(len(leaves)))
                if _is_text_column(leaf)
            ]
            content.seek(0)
            # A file stores repeated texts once. Dictionary columns keep them so until their total
            # size is checked.
            with pyarrow.parquet.ParquetFile(content, read_dictionary=texts) as file:
                _check_size_and_column_types(path, file)
                missing = sorted(set(columns or ()) - set(file.schema_arrow.names))
                if missing:
                    raise ConfigError(f"{path}: column '{missing[0]}' is missing")
                table = file.read(columns=columns and list(columns))
        return _decode_dictionary_columns(table).to_pandas()
    except MemoryError:  # pyarrow's is also an ArrowException, but no defect of the file
        raise
    except OSError as error:
        reason = error.strerror or f"{error}"
        raise ConfigError(f"{path}: cannot be read ({reason})") from None
    except (pyarrow.ArrowException, ValueError, TypeError, KeyError, OverflowError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path}: not a readable parquet file ({error})") from None


def load_tables(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Load and concatenate tables with the same columns; see `load_table`."""
    return pd.concat([load_table(path) for path in paths], ignore_index=True)


def save_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table to a parquet file, atomically.

    Raises:
        OSError: the file cannot be written.
    """
    with atomic_write(path) as file:
        table.to_parquet(file, index=False)


def _is_text_column(leaf: pyarrow.parquet.ColumnSchema) -> bool:
    return leaf.physical_type == "BYTE_ARRAY"


def _check_size_and_column_types(path: str | Path, file: pyarrow.parquet.ParquetFile) -> None:
    """Check size and column types of a file before it is read, and its metadata for pandas."""
    metadata, schema = file.metadata, file.schema_arrow
    if len(schema.names) > MAX_COLUMNS:
        raise ValueError(f"more than {MAX_COLUMNS} columns")
    if len(set(schema.names)) < len(schema.names):
        raise ValueError("two columns have the same name")
    for field in schema:
        if not _is_supported_type(field.type):
            raise ValueError(f"column '{field.name}' holds {field.type}")
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    size = sum(group.total_byte_size for group in groups)
    # A repeated value is compressed to almost nothing, but takes memory when unpacked.
    values = metadata.num_rows * metadata.num_columns
    if not 0 <= size <= MAX_BYTES or not 0 <= values <= MAX_VALUES:
        raise ConfigError(f"{path}: too large; expected at most {MAX_VALUES:g} values")
    _check_pandas_metadata((metadata.metadata or {}).get(b"pandas", b"{}"), schema.names)


def _check_pandas_metadata(pandas_json: bytes, column_names: list[str]) -> None:
    """Check the metadata that other readers pass to pandas; DAF ignores them."""
    metadata = strict_json.loads(pandas_json)
    try:
        columns = [column["name"] for column in metadata.get("columns", [])]
        range_index = all(index["kind"] == "range" for index in metadata.get("index_columns", []))
    except (AttributeError, KeyError, TypeError, IndexError):
        raise ValueError("its metadata for pandas are invalid") from None
    if not range_index or not set(columns) <= set(column_names):
        raise ValueError("its metadata for pandas name other columns")


def _is_supported_type(data_type: pyarrow.DataType) -> bool:
    """Return whether DAF uses columns of this type: numbers, texts, lists of texts."""
    types = pyarrow.types
    scalars = (types.is_integer, types.is_floating, types.is_boolean, types.is_null)
    return any(is_type(data_type) for is_type in scalars) or _contains_text_dictionary(data_type)


def _contains_text_dictionary(data_type: pyarrow.DataType) -> bool:
    types = pyarrow.types
    inner = data_type.value_type if types.is_list(data_type) else data_type
    return types.is_dictionary(inner) and types.is_string(inner.value_type)


def _decode_dictionary_columns(table: pyarrow.Table) -> pyarrow.Table:
    """Convert dictionary columns to text columns.

    Raises:
        ValueError: the texts together exceed `MAX_BYTES`.
    """
    compute, types, size = pyarrow.compute, pyarrow.types, 0
    for number, field in enumerate(table.schema):
        if not _contains_text_dictionary(field.type):
            continue
        is_list, column = types.is_list(field.type), table.column(number)
        for chunk in column.chunks:
            texts = chunk.flatten() if is_list else chunk
            lengths = compute.binary_length(texts.dictionary)
            size += (compute.sum(lengths.take(texts.indices)).as_py() or 0) + 8 * len(texts)
        if size > MAX_BYTES:
            raise ValueError(f"its texts take more than {MAX_BYTES} bytes")
        text = pyarrow.string()
        column = column.cast(pyarrow.list_(text) if is_list else text)
        table = table.set_column(number, field.name, column)
    return table.replace_schema_metadata(None)
