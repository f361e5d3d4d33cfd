"""Elements of a drawing, as SVG that follows the reader's choice of light or dark."""

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 15px; }
.small { font-size: 12px; fill: #59636e; }
.paper { fill: #ffffff; }
.grid { stroke: #d1d9e0; }
.axis { stroke: #59636e; }
.bound { stroke: #59636e; stroke-dasharray: 5 4; }
.first { fill: #0969da; stroke: #0969da; }
.second { fill: #bc4c00; stroke: #bc4c00; }
.bar { stroke: none; }
.faint { opacity: 0.45; }
.curve { fill: none; stroke-width: 2; }
.error { stroke: #1f2328; stroke-width: 1.2; }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc; }
  .small { fill: #9198a1; }
  .paper { fill: #0d1117; }
  .grid { stroke: #3d444d; }
  .axis, .bound { stroke: #9198a1; }
  .first { fill: #4493f8; stroke: #4493f8; }
  .second { fill: #f0883e; stroke: #f0883e; }
  .curve { fill: none; }
  .error { stroke: #f0f6fc; }
}
"""


def drawing(width: int, height: int, title: str, elements: Iterable[str]) -> str:
    """A whole file; `title` is also what is read out."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
    paper = f'<rect class="paper" width="{width}" height="{height}"/>'
    start = (head, f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", paper)
    return "\n".join([*start, text(16, 26, title, "title"), *elements, "</svg>", ""])


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line class="{kind}" {ends}/>'


def bar(x1: float, x2: float, y: float, thickness: float, kind: str) -> str:
    """Lies between two x, from `y` down."""
    size = f'width="{abs(x2 - x1):.1f}" height="{thickness:.1f}"'
    return f'<rect class="bar {kind}" x="{min(x1, x2):.1f}" y="{y:.1f}" {size}/>'


def curve(points: Sequence[tuple[float, float]], kind: str) -> list[str]:
    """A line through points, and a dot on each."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = [f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in points]
    return [f'<polyline class="{kind} curve" points="{path}"/>', *dots]
