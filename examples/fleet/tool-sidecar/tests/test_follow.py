from sidecar.follow import Tail
from sidecar.message import parse


def test_waits_for_the_end_of_a_line(tmp_path):
    file, tail = tmp_path / "log", Tail(tmp_path / "log")
    assert tail.lines() == []
    file.write_bytes(b"one\ntw")
    assert tail.lines() == [b"one"]
    with file.open("ab") as log:
        log.write(b"o\n")
    assert tail.lines() == [b"two"]


def test_starts_again_when_the_file_is_cut(tmp_path):
    file, tail = tmp_path / "log", Tail(tmp_path / "log")
    file.write_bytes(b"a long line\n")
    tail.lines()
    file.write_bytes(b"new\n")
    assert tail.lines() == [b"new"]


def test_plain_lines_are_log():
    assert parse(b'{"type": "progress", "done": 0.5}').done == 0.5
    assert parse(b"hello").text == "hello"
    assert parse(b'{"type": "nonsense"}').kind == "log"
