"""Text of web pages, without scripts and navigation."""

from bs4 import BeautifulSoup


def read(data: bytes) -> str:
    page = BeautifulSoup(data, "lxml")
    for element in page(["script", "style", "nav", "template"]):
        element.decompose()
    return page.get_text(" ", strip=True)
