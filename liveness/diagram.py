"""The attempt's states as a Mermaid diagram, drawn from the transition table that the session obeys.

python -m liveness.diagram                      prints it
python -m liveness.diagram --write README.md    puts it between the file's two markers
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from liveness.session import TRANSITIONS, State, Trigger

BEGIN: Final = "<!-- diagram:begin -->"
END: Final = "<!-- diagram:end -->"

_STATES: Final[Mapping[State, str]] = {
    State.SEEKING_NEUTRAL: "seeking a neutral face",
    State.AWAITING_GESTURE: "awaiting the gesture",
    State.EXAMINING_TURN: "examining the turn",
    State.RETURNING: "awaiting the return",
    State.COMPLETE: "complete",
    State.FAILED: "failed",
}
_TRIGGERS: Final[Mapping[Trigger, str]] = {
    Trigger.NEUTRAL_HELD: "still, ahead, sharp",
    Trigger.GESTURE_HELD: "gesture held, more to come",
    Trigger.LAST_GESTURE_HELD: "last gesture held",
    Trigger.TURN_HELD: "head turn held",
    Trigger.TURN_PROVED: "turned like a head, more to come",
    Trigger.LAST_TURN_PROVED: "last turn, like a head",
    Trigger.TURN_FLAT: "turned like a picture",
    Trigger.HEAD_RETURNED: "head is back",
    Trigger.FAULT: "fault or time-out",
}


class NoMarkers(Exception):
    """Raised when a document does not hold the two markers, once each and in order."""


def draw_diagram(transitions: Mapping[tuple[State, Trigger], State] = TRANSITIONS) -> str:
    """A Mermaid state diagram (version 2) of `transitions`, in a fenced block as forges render it.

    Triggers that lead from one state to the same other one share an arrow; the order is the table's, so the text
    changes only with the table.
    """
    arrows: dict[tuple[State, State], list[str]] = {}
    for (source, trigger), target in transitions.items():
        arrows.setdefault((source, target), []).append(_TRIGGERS[trigger])
    used = dict.fromkeys(state for arrow in arrows for state in arrow)
    sources = dict.fromkeys(source for source, _ in arrows)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {next(iter(sources))}"]
    lines += [f"    {state}: {_STATES[state]}" for state in used]
    lines += [f"    {source} --> {target}: {' / '.join(words)}" for (source, target), words in arrows.items()]
    lines += [f"    {state} --> [*]" for state in used if state not in sources]
    return "\n".join([*lines, "```"]) + "\n"


def with_diagram(document: str) -> str:
    """`document` with the fresh diagram between its markers; raises NoMarkers."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in before or END in after:
        raise NoMarkers(f"the document needs {BEGIN} and {END}, once each and in this order")
    return f"{before}{BEGIN}\n{draw_diagram()}{END}{after}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the diagram, or writes it into a document."""
    parser = argparse.ArgumentParser(prog="python -m liveness.diagram", description=__doc__.partition("\n")[0])
    parser.add_argument("--write", metavar="FILE", type=Path, help="put the diagram between the markers of FILE")
    options = parser.parse_args(arguments)
    if options.write is None:
        sys.stdout.write(draw_diagram())
        return 0
    try:
        document = options.write.read_text(encoding="utf-8")
        options.write.write_text(with_diagram(document), encoding="utf-8")
    except (OSError, UnicodeDecodeError, NoMarkers) as error:
        sys.stderr.write(f"{options.write}: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
