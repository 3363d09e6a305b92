"""Pieces of a page: figures, tables and text as self-contained HTML."""

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from cellsift.reporting.style import WIDTH, unarranged

# Twice as many pixels as on an ordinary screen would be sharper, but too large for a page.
DPI = 130
SHOWN_DPI = 101.8
# WebP takes half the bytes of a JPEG for the hard edges of enlarged voxels.
PHOTOGRAPH = "webp"
QUALITIES = (88, 75, 60)
# Half the time of Pillow's own choice, for 4% more bytes.
EFFORT = 2
LARGEST_PICTURE, SMALLEST_PICTURE = 1600, 300


class Html(str):
    """A piece of HTML that a notebook shows as it is."""

    def __repr__(self) -> str:
        return f"<{len(self)} characters of HTML>"

    def _repr_html_(self) -> str:
        return str.__str__(self)


def heading(text: str) -> Html:
    """A heading of the page's second level."""
    return Html(f"<h2>{escape(text)}</h2>\n")


def paragraph(text: str, kind: str = "") -> Html:
    """A paragraph of plain text."""
    return Html(f"<p{_class(kind)}>{escape(text)}</p>\n")


def figure(drawing: Figure, caption: str, alternative: str, photograph: bool = False) -> Html:
    """A matplotlib figure as an embedded picture with its caption.

    `alternative` describes the picture for readers who cannot see it. A `photograph`, most of
    which is voxels, becomes a WebP of a fraction of the size; anything else a PNG.
    """
    _lay_out(drawing)
    buffer = io.BytesIO()
    kind = PHOTOGRAPH if photograph else "png"
    options = {"quality": QUALITIES[0], "method": EFFORT} if photograph else {}
    drawing.savefig(buffer, dpi=DPI, facecolor="white", format=kind, pil_kwargs=options)
    width = round(drawing.get_figwidth() * SHOWN_DPI)
    return _picture(buffer.getvalue(), kind, width, caption, alternative)


def _lay_out(drawing: Figure) -> None:
    """Arrange a figure for good: to do so, `savefig` would draw all of it once more, unseen."""
    drawing.set_dpi(DPI)
    if layout := drawing.get_layout_engine():
        layout.execute(drawing)
    with unarranged():
        drawing.set_layout_engine(None)


def picture_file(path: Path, caption: str, alternative: str, most_bytes: int) -> Html:
    """A picture file, made small enough for a page, with its caption.

    Where it needs more than `most_bytes` of the page its quality falls, then its size.
    """
    with Image.open(path) as stored:
        picture = stored.convert("RGB")
        picture.thumbnail((LARGEST_PICTURE, 3 * LARGEST_PICTURE))
    width = min(picture.width, round(WIDTH * SHOWN_DPI))
    qualities = iter(QUALITIES)
    while True:
        if (quality := next(qualities, None)) is None:
            quality = QUALITIES[-1]
            picture.thumbnail((picture.width * 3 // 4, picture.height * 3 // 4))
        content = _as_photograph(picture, quality)
        if len(base64.b64encode(content)) <= most_bytes or picture.width < SMALLEST_PICTURE:
            return _picture(content, PHOTOGRAPH, width, caption, alternative)


def _as_photograph(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, PHOTOGRAPH, quality=quality, method=EFFORT)
    return buffer.getvalue()


def brain_address(brain: str, back: str = "") -> str:
    """The address of a brain's page from the index, or, with `back`, from a page in a folder.

    Example:
        >>> brain_address("mouse_3", back="../")
        '../brains/mouse_3.html'
    """
    return f"{back}brains/{brain}.html"


def table(
    frame: pd.DataFrame,
    caption: str,
    text_columns: Sequence[str] = (),
    rows_kind: Sequence[str] = (),
    wrapped: Sequence[str] = (),
) -> Html:
    """A table of ready-made strings; columns of text are set left, all others right.

    A pair (text, address) becomes a link. `rows_kind` gives each row its CSS classes ("" for
    none). Lines of `wrapped` columns may break.
    """
    kind_of = {
        name: " ".join(
            kind for kind, of in (("text", text_columns), ("wrapped", wrapped)) if name in of
        )
        for name in frame.columns
    }
    head = "".join(
        f'<th scope="col"{_class(kind_of[name])}>{escape(str(name))}</th>' for name in frame.columns
    )
    kinds = list(rows_kind) or [""] * len(frame)
    body = "".join(
        f"<tr{_class(kind)}>"
        + "".join(
            f"<td{_class(kind_of[name])}>{_content(value)}</td>"
            for name, value in zip(frame.columns, row, strict=True)
        )
        + "</tr>\n"
        for row, kind in zip(frame.itertuples(index=False, name=None), kinds, strict=True)
    )
    return Html(
        f'<figure class="table"><div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}</tbody></table></div>\n<figcaption>{escape(caption)}</figcaption>"
        "</figure>\n"
    )


def preformatted(text: str, summary: str) -> Html:
    """Text as it was typed, folded away under `summary`."""
    return folded(f"<pre>{escape(text)}</pre>", summary)


def folded(content: str, summary: str) -> Html:
    """HTML that unfolds when its summary is clicked."""
    return Html(f"<details><summary>{escape(summary)}</summary>{content}</details>\n")


def bullets(items: Sequence[str]) -> Html:
    """A list of plain texts."""
    return Html("<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>\n")


def _picture(content: bytes, kind: str, width: int, caption: str, alternative: str) -> Html:
    encoded = base64.b64encode(content).decode("ascii")
    return Html(
        f'<figure><img alt="{escape(alternative)}" width="{width}" '
        f'src="data:image/{kind};base64,{encoded}">\n'
        f"<figcaption>{escape(caption)}</figcaption></figure>\n"
    )


def _content(value: object) -> str:
    if isinstance(value, tuple):
        text, address = value
        return f'<a href="{escape(address)}">{escape(text)}</a>'
    return escape(str(value))


def _class(kind: str) -> str:
    return f' class="{escape(kind)}"' if kind else ""
