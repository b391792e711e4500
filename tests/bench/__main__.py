"""Runs each bench module in a process of its own and prints what it measured against its bar.

A module has `NAME` and `run() -> list[dict]` with the keys what, value and unit, and `bar` (text) and `met` where
there is one. The exit code is 1 when a bar is missed. Ratios are measured in one run, so they travel between machines;
absolute figures do not.
"""

import importlib
import json
import subprocess
import sys
from pathlib import Path


def main(wanted: list[str]) -> int:
    if wanted[:1] == ["--child"]:
        module = importlib.import_module(f"tests.bench.{wanted[1]}")
        print("\x1e" + json.dumps(module.run()))
        return 0
    names = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
    missed = 0
    for name in wanted or names:
        if name not in names:
            print(f"no bench is named {name}; there are {', '.join(names)}", file=sys.stderr)
            return 2
        print(f"\n{name}")
        command = [sys.executable, "-m", "tests.bench", "--child", name]
        child = subprocess.run(command, capture_output=True, text=True, check=False)
        if child.returncode != 0:
            print(child.stderr, file=sys.stderr)
            missed += 1
            continue
        for row in json.loads(child.stdout.rpartition("\x1e")[2]):
            met = row.get("met")
            verdict = "" if met is None else ("met" if met else "MISSED")
            print(f"  {row['what']:<78} {row['value']:>9.3g} {row['unit']:<8} {row.get('bar') or '':<10} {verdict}")
            missed += met is False
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
