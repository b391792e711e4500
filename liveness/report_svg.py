"""Lines over time as one self-contained SVG: panels, bands, lanes and text; knows nothing of liveness.

No script, no font, no image and no address is referred to, so the file can be mailed and opened anywhere. Colours
follow the reader's light or dark setting; nothing is said by colour alone.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from xml.sax.saxutils import escape

Tone = Literal["good", "bad", "plain"]
Sample = tuple[float, float | None]

WIDTH: Final = 1040
_LEFT, _RIGHT = 154, 24
_PANEL, _GAP, _LANE = 104, 18, 20
_LINE = 21
_MOST_POINTS = 2000

_STYLE = """
svg{background:#fff;font:14px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
text{fill:#1f2328}.quiet{fill:#59636e;font-size:12px}.head{font-size:21px;font-weight:600}.name{font-weight:600}
.good{fill:#1a7f37}.bad{fill:#cf222e}.frame{fill:none;stroke:#d1d9e0}.grid{stroke:#d1d9e0;stroke-width:.6}
.band{fill:#0969da;opacity:.07}.band.odd{opacity:.13}.band.good{fill:#1a7f37;opacity:.12}
.band.bad{fill:#cf222e;opacity:.10}.edge{stroke:#8c959f;stroke-dasharray:2 3}
.line{fill:none;stroke:#0969da;stroke-width:1.7;stroke-linejoin:round}.rest{fill:none;stroke:#8c959f;stroke-width:1.4}
.level{stroke:#bc4c00;stroke-width:1.4;stroke-dasharray:6 4}.leveltext{fill:#953800;font-size:11.5px}
.lane{fill:#bf8700;opacity:.8}.fault{fill:#cf222e}
.halo{paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}
@media (prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#e6edf3}.quiet{fill:#9198a1}.good{fill:#3fb950}
.bad{fill:#ff7b72}.frame{stroke:#3d444d}.grid{stroke:#3d444d}.band{fill:#58a6ff}.band.good{fill:#3fb950}
.band.bad{fill:#ff7b72}.edge{stroke:#6e7681}.line{stroke:#58a6ff}.rest{stroke:#6e7681}.level{stroke:#f0883e}
.leveltext{fill:#f0a868}.lane{fill:#d29922}.fault{fill:#ff7b72}.halo{stroke:#0d1117}}
""".strip()


@dataclass(frozen=True, kw_only=True)
class Level:
    """A value that mattered during a stretch of time: a threshold, drawn dashed, with its name."""

    start: float
    end: float
    value: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One quantity over time; a sample of None interrupts the line. `low` to `high` is always in view."""

    name: str
    note: str
    low: float
    high: float
    samples: Sequence[Sample]
    rest: Sequence[Sample] = ()
    levels: Sequence[Level] = ()


@dataclass(frozen=True, kw_only=True)
class Band:
    """A named stretch of time, shaded through all panels."""

    start: float
    end: float
    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A stretch of the lane under the panels, or a moment if it has no length."""

    start: float
    end: float
    text: str
    is_fault: bool = False


@dataclass(frozen=True, kw_only=True)
class Picture:
    """Everything that is drawn; times in seconds, `start` <= `end`."""

    title: str
    tone: Tone
    lines: Sequence[str]
    description: str
    start: float
    end: float
    panels: Sequence[Panel]
    bands: Sequence[Band] = field(default_factory=tuple)
    marks: Sequence[Mark] = field(default_factory=tuple)


def draw(picture: Picture) -> str:
    """The SVG document as text; characters that XML cannot carry are left out."""
    return "\n".join(_Sheet(picture).parts()) + "\n"


class _Sheet:
    def __init__(self, picture: Picture) -> None:
        self._p = picture
        self._span = max(picture.end - picture.start, 1e-3)
        self._lines = [part for line in picture.lines for part in _wrapped(line, 118)]
        self._top = 84 + _LINE * len(self._lines)
        self._rows = _in_rows(picture.marks)
        self._panels_end = self._top + len(picture.panels) * (_PANEL + _GAP) - _GAP
        self._height = self._panels_end + 44 + _LANE * len(self._rows) + 14

    def parts(self) -> Iterator[str]:
        p = self._p
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self._height}" width="{WIDTH}" '
            f'height="{self._height}" role="img" aria-labelledby="title desc">'
        )
        yield f'<title id="title">{_text(p.title)}</title>'
        yield f'<desc id="desc">{_text(p.description)}</desc>'
        yield f"<style>{_STYLE}</style>"
        yield f'<text class="head {p.tone}" x="24" y="38">{_text(p.title)}</text>'
        for number, line in enumerate(self._lines):
            yield f'<text x="24" y="{64 + _LINE * number}">{_text(line)}</text>'
        yield from self._bands()
        for number, panel in enumerate(p.panels):
            yield from self._panel(panel, self._top + number * (_PANEL + _GAP))
        yield from self._time_axis()
        yield from self._lane()
        yield "</svg>"

    def _x(self, t: float) -> float:
        share = (t - self._p.start) / self._span
        return _LEFT + min(max(share, 0.0), 1.0) * (WIDTH - _LEFT - _RIGHT)

    def _bands(self) -> Iterator[str]:
        top, height = self._top - 8, self._panels_end - self._top + 8
        for number, band in enumerate(self._p.bands):
            x0, x1 = self._x(band.start), self._x(band.end)
            tone = band.tone if band.tone != "plain" else ("odd" if number % 2 else "")
            yield f'<rect class="band {tone}" x="{x0:.1f}" y="{top}" width="{max(x1 - x0, 1):.1f}" height="{height}"/>'
            yield f'<line class="edge" x1="{x0:.1f}" x2="{x0:.1f}" y1="{top - 14}" y2="{top + height}"/>'
            words = _fitting(band.text, x1 - x0 - 6, 7.2)
            yield f'<text class="quiet" x="{x0 + 4:.1f}" y="{top - 4}">{_text(words)}</text>'

    def _panel(self, panel: Panel, top: float) -> Iterator[str]:
        seen = [v for _, v in panel.samples if v is not None] + [level.value for level in panel.levels]
        low, high = min([panel.low, *seen]), max([panel.high, *seen])
        room = 0.06 * (high - low)
        low, high = low - room, high + room

        def y(value: float) -> float:
            return top + (high - value) / (high - low) * _PANEL

        yield f'<text class="name" x="24" y="{top + 18}">{_text(panel.name)}</text>'
        for number, note in enumerate(_wrapped(panel.note, 15)):
            yield f'<text class="quiet" x="24" y="{top + 35 + 15 * number}">{_text(note)}</text>'
        for tick in _ticks(low, high, 4):
            yield f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
            yield f'<text class="quiet" x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
        yield f'<rect class="frame" x="{_LEFT}" y="{top}" width="{WIDTH - _LEFT - _RIGHT}" height="{_PANEL}"/>'
        yield from self._path("rest", panel.rest, y)
        yield from self._path("line", panel.samples, y)
        for level in panel.levels:
            x0, x1, at = self._x(level.start), self._x(level.end), y(level.value)
            yield f'<line class="level" x1="{x0:.1f}" x2="{x1:.1f}" y1="{at:.1f}" y2="{at:.1f}"/>'
            later = [self._x(other.start) for other in panel.levels if other.start > level.start]
            words = _fitting(level.text, min([WIDTH - _RIGHT, *later]) - x0 - 4, 6.4)
            under = at + 13 if at < top + 16 else at - 4
            yield f'<text class="leveltext halo" x="{x0 + 4:.1f}" y="{under:.1f}">{_text(words)}</text>'

    def _path(self, kind: str, samples: Sequence[Sample], y: Callable[[float], float]) -> Iterator[str]:
        for run in _unbroken(samples):
            thin = _thinned(run)
            if len(thin) == 1:
                thin = [thin[0], (thin[0][0] + self._span / 800, thin[0][1])]
            path = " ".join(f"{self._x(t):.1f},{y(v):.1f}" for t, v in thin)
            yield f'<polyline class="{kind}" points="{path}"/>'

    def _time_axis(self) -> Iterator[str]:
        base = self._panels_end
        for tick in _ticks(self._p.start, self._p.end, 10):
            x = self._x(tick)
            yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{self._top}" y2="{base + 5}"/>'
            yield f'<text class="quiet" x="{x:.1f}" y="{base + 19}" text-anchor="middle">{tick:g} s</text>'

    def _lane(self) -> Iterator[str]:
        base = self._panels_end + 32
        for number, (text, marks) in enumerate(self._rows):
            top = base + _LANE * number
            yield f'<text class="quiet" x="24" y="{top + 12}">{_text(text)}</text>'
            for mark in marks:
                x0, x1 = self._x(mark.start), self._x(mark.end)
                kind = "fault" if mark.is_fault else "lane"
                size = f'x="{x0:.1f}" y="{top + 3}" width="{max(x1 - x0, 2.5):.1f}" height="{_LANE - 8}"'
                yield f'<rect class="{kind}" {size}><title>{_text(mark.text)}</title></rect>'


def _in_rows(marks: Iterable[Mark]) -> list[tuple[str, list[Mark]]]:
    rows: dict[str, list[Mark]] = {}
    for mark in marks:
        rows.setdefault(mark.text, []).append(mark)
    return list(rows.items())


def _unbroken(samples: Iterable[Sample]) -> Iterator[list[tuple[float, float]]]:
    run: list[tuple[float, float]] = []
    for t, value in samples:
        if value is not None:
            run.append((t, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _thinned(run: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most about two points a pixel, the lowest and highest of each stretch: a blink is never thinned away."""
    if len(run) <= _MOST_POINTS:
        return run
    size = -(-2 * len(run) // _MOST_POINTS)
    kept = []
    for at in range(0, len(run), size):
        part = run[at : at + size]
        kept += sorted({min(part, key=lambda s: s[1]), max(part, key=lambda s: s[1])})
    return kept


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Round values in [low, high], at most `most` + 1 of them: steps of 1, 2 or 5 times a power of ten."""
    span = high - low
    step = next(
        size * 10.0**power for power in range(-6, 9) for size in (1, 2, 5) if span / (size * 10.0**power) <= most
    )
    first = -(-low // step)
    return [round((first + number) * step, 9) for number in range(int((high - first * step) / step + 1e-9) + 1)]


def _fitting(text: str, room: float, char_px: float) -> str:
    """As many whole words of `text` as the room takes, perhaps none."""
    lines = _wrapped(text, int(room / char_px))
    return lines[0] if lines and len(lines[0]) * char_px <= room else ""


def _wrapped(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line] if line else lines


def _text(text: str) -> str:
    kept = "".join(c for c in text if c >= " " and not 0xD800 <= ord(c) <= 0xDFFF and c not in "\ufffe\uffff")
    return escape(kept)
