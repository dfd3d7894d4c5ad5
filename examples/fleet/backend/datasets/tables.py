"""Reading uploads and computing what the API answers. Knows nothing of HTTP or the database."""

import io
from pathlib import Path

import magic
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

READERS = {
    "text/csv": lambda data: pd.read_csv(io.BytesIO(data)),
    "text/plain": lambda data: pd.read_csv(io.BytesIO(data), sep=None, engine="python"),
    "application/json": lambda data: pd.read_json(io.BytesIO(data)),
}


class UnreadableTable(ValueError):
    """The upload is not a table that can be read."""


def read(data: bytes) -> tuple[pd.DataFrame, str]:
    """The table in an upload and its media type, recognised by content, never by file name."""
    media_type = magic.from_buffer(data, mime=True)
    if media_type not in READERS:
        raise UnreadableTable(f"{media_type} is not a kind of table")
    try:
        frame = READERS[media_type](data)
    except (ValueError, UnicodeDecodeError) as error:
        raise UnreadableTable(str(error)) from error
    if frame.empty:
        raise UnreadableTable("there are no rows")
    return frame, media_type


def store(frame: pd.DataFrame, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), file, compression="zstd")


def load(file: Path) -> pd.DataFrame:
    return pq.read_table(file).to_pandas()


def summary(frame: pd.DataFrame) -> dict:
    """Count, mean, spread and quartiles of every numeric column."""
    numbers = frame.select_dtypes(include=np.number)
    return {
        column: {name: round(float(value), 6) for name, value in values.items()}
        for column, values in numbers.describe().to_dict().items()
    }


def outliers(frame: pd.DataFrame, column: str, threshold: float) -> list[dict]:
    """Rows further than `threshold` standard deviations from the mean of `column`."""
    values = pd.to_numeric(frame[column], errors="coerce")
    scores = ((values - values.mean()) / values.std(ddof=0)).abs()
    return [
        {"row": int(row), "value": float(values[row]), "score": round(float(scores[row]), 3)}
        for row in np.flatnonzero(scores > threshold)
    ]
