"""A page as a browser reads it."""

from html.parser import HTMLParser
from pathlib import Path

TEN_MB = 10 * 2**20


class Page(HTMLParser):
    """What a page consists of: its tags with their attributes, and its visible text."""

    def __init__(self, path: Path):
        super().__init__()
        self.tags, self.text, self._open = [], "", []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"script", "style", "title"} & set(self._open):
            self.text += data

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]
