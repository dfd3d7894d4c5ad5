"""Text of PDF files."""

import io

from pypdf import PdfReader


def read(data: bytes) -> str:
    return "\n\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)
