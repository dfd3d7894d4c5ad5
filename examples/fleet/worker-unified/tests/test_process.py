import pytest

from worker import readers, settings, tasks


@pytest.fixture
def inbox(tmp_path, monkeypatch):
    monkeypatch.setattr(settings.settings, "inbox", tmp_path)
    monkeypatch.setattr(settings.settings, "database_url", f"sqlite:///{tmp_path}/db")
    return tmp_path


def test_reads_a_page(inbox):
    (inbox / "a").write_bytes(b"<!doctype html><html><nav>x</nav><p>two words</p></html>")
    assert tasks.process("a")["words"] == 2


def test_plugins_are_installed():
    assert {"application/pdf", "text/html"} <= set(readers.readers())


def test_stays_in_the_inbox(inbox):
    with pytest.raises(ValueError, match="outside"):
        tasks.process("../etc/passwd")
