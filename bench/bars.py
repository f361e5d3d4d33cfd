"""A bar chart as SVG."""

from collections.abc import Sequence
from html import escape

LINE, LABEL, WIDTH = 22, 260, 640
"""Heights and widths in pixels."""


def bars(title: str, shares: Sequence[tuple[str, float]]) -> str:
    """Names with numbers, 1 being a full bar, which a line marks."""
    most = max([1.0, *(share for _, share in shares)])
    one = LABEL + (WIDTH - LABEL) / most
    height = LINE * (len(shares) + 2)
    rows = [_row(place, name, share, most) for place, (name, share) in enumerate(shares)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH + 60}" height="{height}"'
            ' font-family="sans-serif" font-size="12">',
            '<rect width="100%" height="100%" fill="white"/>',
            f'<text x="8" y="16" font-weight="bold">{escape(title)}</text>',
            *rows,
            f'<path d="M{one:.1f} {LINE} V{height - LINE}" stroke="black"/>',
            "</svg>\n",
        ]
    )


def _row(place: int, name: str, share: float, most: float) -> str:
    top, length = LINE * (place + 1) + 4, (WIDTH - LABEL) * share / most
    return (
        f'<text x="8" y="{top + 12}">{escape(name)}</text>'
        f'<rect x="{LABEL}" y="{top}" width="{length:.1f}" height="{LINE - 6}" fill="#4878a8"/>'
        f'<text x="{LABEL + length + 4:.1f}" y="{top + 12}">{share:.0%}</text>'
    )
