import io

from docx import Document
from fastapi.testclient import TestClient
from PIL import Image, ImageDraw

from x2text.app import app

client = TestClient(app)


def post(name: str, data: bytes):
    return client.post("/extract", files={"file": (name, data)})


def test_word():
    document, out = Document(), io.BytesIO()
    document.add_paragraph("fleet")
    document.save(out)
    assert "fleet" in post("a.docx", out.getvalue()).json()["text"]


def test_picture_and_pdf_without_text():
    image = Image.new("RGB", (900, 200), "white")
    ImageDraw.Draw(image).text((40, 60), "SIDECAR", fill="black", font_size=80)
    for suffix, kind in ((".png", "PNG"), (".pdf", "PDF")):
        out = io.BytesIO()
        image.save(out, kind)
        assert "SIDECAR" in post(f"a{suffix}", out.getvalue()).json()["text"]


def test_refuses():
    assert post("a.exe", b"MZ").status_code == 415
    assert post("a.pdf", b"no").status_code == 422
    assert post("a.xlsx", b"no").status_code == 422
