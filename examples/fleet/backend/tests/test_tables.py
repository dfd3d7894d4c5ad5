import pytest

from datasets import tables

CSV = b"city,people\n" + b"".join(b"town%d,%d\n" % (n, 100 + n % 5) for n in range(40)) + b"big,9000\n"


def test_reads_by_content():
    frame, media_type = tables.read(CSV)
    assert media_type in ("text/csv", "text/plain")
    assert list(frame.columns) == ["city", "people"]


def test_refuses_what_is_no_table():
    with pytest.raises(tables.UnreadableTable):
        tables.read(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")


def test_survives_storage(tmp_path):
    frame, _ = tables.read(CSV)
    tables.store(frame, tmp_path / "t.parquet")
    assert tables.load(tmp_path / "t.parquet").equals(frame)


def test_finds_the_outlier():
    frame, _ = tables.read(CSV)
    assert [found["row"] for found in tables.outliers(frame, "people", 3)] == [40]
