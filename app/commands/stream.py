"""Play the reference low-end client against a running server.

  bonafide stream face.jpg --url ws://127.0.0.1:8000 --email ada@example.org --password … --sign-up --photo face.jpg
  bonafide stream clip.mp4 --url wss://id.example.org --email ada@example.org --password … --fps 12 --json
  bonafide stream face.jpg --url ws://127.0.0.1:8000 --login --name "Ada Lovelace"

SOURCE is a clip, played by its own time, or a photo, which is animated to answer each prompt as it is revealed: the
head turns in depth, the eyes close, the mouth opens, it smiles. That one photo can do this shows the limit of every
check by landmarks: they do not prove life to somebody who controls the camera feed.

--fps, --delay-ms, --jitter-ms and --drop play a poor device. Below 12 frames a second no blink can be judged, so none
is asked for. With --login nobody is signed in before: the face itself signs in, or gets an account. Exit code 0: the
badge was earned, or the face let in; 1: refused, with the reason; 2: the source is unusable or the server cannot be
reached.
"""

import argparse
import asyncio
import getpass
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from app.client.api import Addresses, ApiClient, Challenge
from app.client.errors import ClientError, Refused, SourceError
from app.client.sources import Source
from app.client.stream import Event, stream_attempt
from liveness.steps import LivenessStep

MIN_BLINK_FPS = 12.0  # standards.md, Liveness: a blink of 100 ms falls between slower frames
MAX_PHOTO_BYTES = 5 * 1024 * 1024  # the server's limit for a profile photo
PROMPTS = {
    LivenessStep.LOOK_LEFT: "turn the head to its left",
    LivenessStep.LOOK_RIGHT: "turn the head to its right",
    LivenessStep.LOOK_UP: "raise the chin",
    LivenessStep.LOOK_DOWN: "lower the chin",
    LivenessStep.BLINK: "close both eyes and open them",
    LivenessStep.OPEN_MOUTH: "open the mouth wide",
    LivenessStep.SMILE: "smile",
}
REASONS = {
    "FACE_MISMATCH": "the face is not the one on the profile photo",
    "TOKEN_EXPIRED": "the challenge has expired or was used",
    "FACE_AMBIGUOUS": "it could not be said whose face it is",
    "NO_PROFILE_PHOTO": "the account has no profile photo with a face; --photo uploads one",
    "CHALLENGE_FAILED": "the gestures were not those asked for",
    "NO_FACE": "no face was seen",
    "MULTIPLE_FACES": "more than one face was seen",
    "LOW_QUALITY": "the picture was too poor to judge",
    "TOO_MANY_ATTEMPTS": "too many attempts failed",
    "BUSY": "the server is at its limit",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("source", metavar="SOURCE", type=Path, help="a clip, or a photo (JPEG, PNG, WebP) to animate")
    parser.add_argument("--url", required=True, help="the server, ws:// or wss://; the path may be left out")
    parser.add_argument("--login", action="store_true", help="sign in with the face; no --email, no --password")
    parser.add_argument("--email", help="the account")
    parser.add_argument("--password", help="its password; asked for when left out")
    account = parser.add_argument_group("preparing the account")
    account.add_argument("--sign-up", action="store_true", help="create the account first")
    account.add_argument("--handle", help="with --sign-up: the handle (default: from the e-mail address)")
    account.add_argument("--name", help="with --sign-up or --login: the name that people read (default: the handle)")
    account.add_argument("--photo", metavar="FACE.jpg", type=Path, help="upload this as the profile photo first")
    attempt = parser.add_argument_group("the attempt")
    attempt.add_argument("--exclude", metavar="STEP[,STEP...]", default="", help="steps this person cannot make")
    attempt.add_argument("--mirrored", action="store_true", help="the pictures are mirror images, as selfie views are")
    attempt.add_argument("--seed", type=int, default=0, metavar="N", help="of the sway, the noise and the losses")
    device = parser.add_argument_group("playing a poor device")
    device.add_argument("--fps", type=_positive, default=10.0, metavar="N", help="frames a second at most (default 10)")
    device.add_argument("--delay-ms", type=_not_negative, default=0.0, metavar="MS", help="before a frame is ready")
    device.add_argument("--jitter-ms", type=_not_negative, default=0.0, metavar="MS", help="up to this much more")
    device.add_argument("--drop", type=_share, default=0.0, metavar="SHARE", help="frames lost, 0 to below 1")
    parser.add_argument("--json", action="store_true", help="print every event as one JSON object a line")


def run(options: argparse.Namespace) -> int:
    """Plays one attempt; gives back the exit code."""
    try:
        _check_account(options)
        exclude = _excluded(options)
        addresses = Addresses.of(options.url)
        photo = _photo_file(options.photo) if options.photo is not None else None
        if options.login:
            return asyncio.run(_log_in(options, addresses, exclude))
        password = options.password if options.password is not None else getpass.getpass("Password: ")
        return asyncio.run(_attempt(options, addresses, photo, password, exclude))
    except Refused as error:
        print(f"refused: {error}", file=sys.stderr)
        return 1
    except ClientError as error:
        print(error, file=sys.stderr)
        return 2


async def _attempt(
    options: argparse.Namespace,
    addresses: Addresses,
    photo: tuple[bytes, str] | None,
    password: str,
    exclude: tuple[LivenessStep, ...],
) -> int:
    from app.client.opening import open_source

    with open_source(options.source, seed=options.seed, mirrored=options.mirrored) as source:
        async with ApiClient(addresses.http) as api:
            if options.sign_up:
                handle = options.handle or _handle(options.email)
                await api.sign_up(email=options.email, password=password, handle=handle, name=options.name or handle)
            else:
                await api.sign_in(email=options.email, password=password)
            if photo is not None:
                account = await api.upload_avatar(photo[0], mime=photo[1])
                _say(options, {"type": "photo", "faceFindings": account["faceFindings"]})
            challenge = await api.create_challenge(exclude=exclude)
            result = await _streamed(options, addresses, source, api, challenge)
    return 0 if result.get("success") is True else 1


async def _log_in(options: argparse.Namespace, addresses: Addresses, exclude: tuple[LivenessStep, ...]) -> int:
    from app.client.opening import open_source

    with open_source(options.source, seed=options.seed, mirrored=options.mirrored) as source:
        async with ApiClient(addresses.http, keeps_cookies=True) as api:
            challenge = await api.create_challenge(purpose="LOGIN", exclude=exclude)
            result = await _streamed(options, addresses, source, api, challenge)
            if result.get("success") is not True:
                return 1
            _say(options, {"type": "signedIn", **await api.trade(result["ticket"], name=options.name)})
    return 0


async def _streamed(
    options: argparse.Namespace, addresses: Addresses, source: Source, api: ApiClient, challenge: Challenge
) -> dict[str, Any]:
    return await stream_attempt(
        source,
        url=addresses.stream,
        challenge_token=challenge.token,
        access_token=api.access_token,
        cookies=api.cookies,
        fps=options.fps,
        delay_ms=options.delay_ms,
        jitter_ms=options.jitter_ms,
        drop=options.drop,
        mirrored=options.mirrored,
        seed=options.seed,
        on_event=_Teller(options),
    )


def _check_account(options: argparse.Namespace) -> None:
    """Raises SourceError unless it is clear who streams."""
    if options.login and (options.email or options.password or options.sign_up or options.photo):
        raise SourceError("--login needs no account: leave out --email, --password, --sign-up and --photo")
    if not options.login and not options.email:
        raise SourceError("say whose attempt it is with --email, or sign in with the face by --login")


class _Teller:
    """Prints each event with the seconds since the first."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._began: float | None = None

    def __call__(self, event: Event) -> None:
        now = time.perf_counter()
        self._began = self._began if self._began is not None else now
        shown = {name: value for name, value in event.items() if name != "ticket"}  # it opens an account
        _say(self._options, shown, seconds=now - self._began)


def _say(options: argparse.Namespace, event: Event, *, seconds: float = 0.0) -> None:
    if options.json:
        print(json.dumps({"atS": round(seconds, 3), **event}), flush=True)
    else:
        print(f"{seconds:6.2f} s  {_line(event)}", flush=True)


def _line(event: Event) -> str:
    match event.get("type"):
        case "photo":
            findings = ", ".join(event["faceFindings"])
            return f"profile photo uploaded{f' ({findings})' if findings else ''}"
        case "ready":
            return f"ready: {_prompt(event['step'])} (1 of {event.get('of', '?')})"
        case "feedback":
            return f"frame {event.get('seq'):>4}  {event.get('hint', ''):<15} {event.get('progress', 0):4.0%}"
        case "step":
            following = event.get("next")
            done = f"step {event.get('index', 0) + 1} {'passed' if event.get('passed') else 'failed'}"
            return f"{done}; now: {_prompt(following)}" if following else done
        case "comparing":
            return "all steps done, comparing the face"
        case "signedIn":
            return f"signed in as {event['handle']}{', a new account' if event['isNewUser'] else ''}"
        case "result" if event.get("success") and event.get("verifiedAt") is None:
            return "the face was recognised"
        case "result" if event.get("success"):
            return f"verified at {event.get('verifiedAt')}"
        case "result":
            error = str(event.get("error"))
            wait = f"; try again in {event['retryAfterS']} s" if event.get("retryAfterS") else ""
            return f"not verified: {error}, {REASONS.get(error, 'without a reason')}{wait}"
        case _:
            return json.dumps(event)


def _prompt(step: str) -> str:
    return f"{step}, {PROMPTS[LivenessStep(step)]}" if step in PROMPTS else step


def _excluded(options: argparse.Namespace) -> tuple[LivenessStep, ...]:
    names = [name.strip().upper() for name in options.exclude.split(",") if name.strip()]
    if unknown := [name for name in names if name not in set(LivenessStep)]:
        raise SourceError(f"--exclude: {', '.join(unknown)} is no step; there are {', '.join(LivenessStep)}")
    if options.fps < MIN_BLINK_FPS:
        names.append(LivenessStep.BLINK)
    return tuple(step for step in LivenessStep if step in names)


def _photo_file(path: Path) -> tuple[bytes, str]:
    from app.client.opening import photo_mime

    if not path.is_file():
        raise SourceError(f"there is no file {path}")
    if path.stat().st_size > MAX_PHOTO_BYTES:
        raise SourceError(f"{path} is larger than the 5 MB that a profile photo may have")
    data = path.read_bytes()
    mime = photo_mime(data)
    if mime is None:
        raise SourceError(f"{path} is not a JPEG, PNG or WebP picture")
    return data, mime


def _handle(email: str) -> str:
    """A handle that the server takes, made of the address."""
    kept = re.sub(r"[^a-z0-9_-]", "-", email.partition("@")[0].lower())[:50]
    return kept if len(kept) >= 3 else f"{kept}-user"


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 120:
        raise argparse.ArgumentTypeError("above 0 and at most 120")
    return value


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 60_000:
        raise argparse.ArgumentTypeError("0 to 60000")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError("from 0 to below 1")
    return value
