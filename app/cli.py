"""The `bonafide` command; each sub-command lives in app/commands and is imported only when it is called."""

import argparse
import os
import sys
from importlib import import_module

_COMMANDS = {
    "serve": "start the server, with embedded PostgreSQL and Redis where none is set",
    "migrate": "bring the database schema up to date",
    "campuses": "add, list and remove the campuses whose members may register",
    "check": "judge a recorded clip exactly as the liveness stream would",
    "compare": "compare two photos, or a list of pairs",
    "calibrate": "measure the gallery of faces and suggest thresholds for it",
    "stream": "play the reference low-end client against a running server",
    "doctor": "check settings, services and models, and say what to do about each fault",
}


def main(arguments: list[str] | None = None) -> int:
    """Runs one sub-command; gives back its exit code (2: the command line or its input is unusable)."""
    # Before numpy is loaded, for the C library: OpenBLAS' idle threads spin (sched_yield) after each small product,
    # which cost 3 ms of CPU a frame, more than the landmarks. Our products are tiny; one thread is faster too.
    os.putenv("OPENBLAS_NUM_THREADS", "1")
    argv = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="bonafide",
        description="Bonafide: a self-hosted identity server that can prove a live person stands behind an account.",
        epilog="`bonafide COMMAND --help` says more. Settings come from the environment; README lists them.",
    )
    parser.add_argument("--version", action="version", version=_version())
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    wanted = next((argument for argument in argv if argument in _COMMANDS), None)
    for name, summary in _COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name == wanted:
            command = import_module(f"app.commands.{name}")
            subparser.formatter_class = argparse.RawDescriptionHelpFormatter
            subparser.description = command.__doc__
            command.add_arguments(subparser)
    options = parser.parse_args(argv)
    try:
        return int(command.run(options))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _version() -> str:
    from importlib.metadata import version

    return f"bonafide {version('bonafide')}"


if __name__ == "__main__":
    sys.exit(main())
