"""Text of documents. Each function takes the bytes of one kind of file."""

import io
import subprocess

import pdfplumber
import pytesseract
from bs4 import BeautifulSoup
from charset_normalizer import from_bytes
from docx import Document
from openpyxl import load_workbook
from PIL import Image, UnidentifiedImageError

PROGRAM_SECONDS = 60


class Unreadable(ValueError):
    """The file is not what it claims to be, or nothing here reads it."""


def pdf(data: bytes) -> str:
    """By pdftotext, which keeps columns apart; pages it finds empty are read as pictures."""
    done = subprocess.run(
        ["pdftotext", "-layout", "-", "-"],
        input=data,
        capture_output=True,
        timeout=PROGRAM_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise Unreadable(done.stderr.decode(errors="replace").strip() or "not a PDF file")
    pages = done.stdout.decode(errors="replace").removesuffix("\f").split("\f")
    empty = [number for number, page in enumerate(pages) if not page.strip()]
    if empty:
        with pdfplumber.open(io.BytesIO(data)) as document:
            for number in empty:
                image = document.pages[number].to_image(resolution=200).original
                pages[number] = pytesseract.image_to_string(image, timeout=PROGRAM_SECONDS)
    return "\n".join(pages)


def picture(data: bytes) -> str:
    try:
        with Image.open(io.BytesIO(data)) as image:
            return pytesseract.image_to_string(image, lang="eng+deu", timeout=PROGRAM_SECONDS)
    except UnidentifiedImageError as error:
        raise Unreadable(str(error)) from error


def docx(data: bytes) -> str:
    document = Document(io.BytesIO(data))
    cells = (cell.text for table in document.tables for row in table.rows for cell in row.cells)
    return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])


def xlsx(data: bytes) -> str:
    book = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    return "\n".join(
        "\t".join("" if cell is None else str(cell) for cell in row)
        for sheet in book.worksheets
        for row in sheet.iter_rows(values_only=True)
    )


def html(data: bytes) -> str:
    page = BeautifulSoup(data, "lxml")
    for element in page(["script", "style", "template"]):
        element.decompose()
    return page.get_text("\n", strip=True)


def text(data: bytes) -> str:
    best = from_bytes(data).best()
    if best is None:
        raise Unreadable("no known encoding fits")
    return str(best)


BY_SUFFIX = {
    ".pdf": pdf,
    ".png": picture,
    ".jpg": picture,
    ".jpeg": picture,
    ".tiff": picture,
    ".docx": docx,
    ".xlsx": xlsx,
    ".html": html,
    ".htm": html,
    ".txt": text,
    ".md": text,
    ".csv": text,
}
