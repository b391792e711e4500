"""`bonafide calibrate`, as an operator at a terminal meets it."""

import asyncio
import json
import re
from datetime import date, timedelta
from pathlib import Path

import asyncpg
import numpy as np
import pytest

from app.cli import main
from app.ids import Ids

COLUMNS = "id, account_id, descriptor, kind, taken_on, is_anchor, created_at"


@pytest.fixture
def terminal(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("BONAFIDE_DATA", str(tmp_path))
    return database_url.replace("+asyncpg", "")


def fill(plain_url: str, faces: np.ndarray, *, days: int = 2) -> list[str]:
    """Enrols each of the faces as a person, on so many days, each a little different; gives back their ids."""

    async def work() -> list[str]:
        sql, ids, draw = await asyncpg.connect(plain_url), Ids(), np.random.default_rng(7)
        accounts = [ids.uuid7() for _ in faces]
        await sql.executemany("insert into accounts (id) values ($1)", [(account,) for account in accounts])
        await sql.executemany(
            f"insert into face_templates ({COLUMNS}) values ($1, $2, $3::real[]::vector, 1, $4, $5, now())",
            [
                (
                    ids.uuid7(),
                    account,
                    (face + draw.normal(0, 0.02, 128)).tolist(),
                    date(2026, 1, 1) + timedelta(days=day),
                    day == 0,
                )
                for account, face in zip(accounts, faces, strict=True)
                for day in range(days)
            ],
        )
        await sql.close()
        return [str(account) for account in accounts]

    return asyncio.run(work())


def strangers(count: int) -> np.ndarray:
    """Faces about 1.1 apart."""
    return np.random.default_rng(1).normal(0, 0.07, (count, 128))


def calibrated(capsys: pytest.CaptureFixture[str], *options: str) -> dict:
    assert main(["calibrate", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_it_measures_and_suggests(terminal: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An operator could not know which threshold their people allow."""
    fill(terminal, strangers(100))
    result = calibrated(capsys)
    assert (result["templates"], result["people"], result["people_measured"]) == (200, 100, 100)
    assert (result["same"], result["different"]) == (100, 4950)
    at = {each["threshold"]: each for each in result["sweep"]}
    assert at[0.4]["fmr"] == {
        "errors": 0,
        "trials": 4950,
        "rate": 0.0,
        "at_least": 0.0,
        "at_most": pytest.approx(3.69 / 4950, rel=0.01),
    }
    assert at[0.2]["fnmr"]["errors"] > at[0.4]["fnmr"]["errors"] == 0
    assert [each["people"] for each in at[0.4]["false_matches_per_search"]] == [100, 1_000, 100_000, 1_000_000]
    assert at[0.4]["false_matches_per_search"][1]["at_most"] == pytest.approx(1 - (1 - 3.69 / 4950) ** 1000, rel=0.01)
    assert result["suggested"]["face_threshold"]["threshold"] == 0.6
    assert result["suggested"]["face_search_threshold"]["threshold"] is None, "100 people prove nothing for a search"
    assert result["suggested"]["face_search_threshold"]["people_needed"] == 7376
    assert result == calibrated(capsys), "the same gallery, the same answer"


def test_it_says_the_same_in_words(terminal: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An operator would be given numbers without what they mean, or a threshold that nothing supports."""
    fill(terminal, strangers(100))
    assert main(["calibrate"]) == 0
    said = capsys.readouterr().out
    assert "200 templates of 100 people" in said
    assert "FACE_THRESHOLD=0.6 is the largest of which this gallery proves" in said
    assert "  that one comparison takes a stranger for somebody in at most 0.1 %" in said
    assert "FACE_SEARCH_THRESHOLD: too few people to suggest one" in said
    assert len(re.findall(r"^0\.\d\d  ", said, re.MULTILINE)) == 21
    assert "3.7 / n" in said


def test_few_people_are_no_proof(terminal: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Three friends without an error would set the threshold of a thousand strangers."""
    fill(terminal, strangers(3), days=1)
    assert main(["calibrate"]) == 0
    said = capsys.readouterr().out
    assert said.count("too few people to suggest one") == 2
    assert "-" in said.split("0.40")[1].split("\n")[0], "no pair of one person's days: no FNMR"


def test_an_empty_gallery_is_said_plainly(terminal: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A new operator would read a stack trace."""
    assert main(["calibrate"]) == 0
    assert "0 templates of 0 people" in capsys.readouterr().out
    assert calibrated(capsys, "--list")["double_accounts"] == []


def test_possible_double_accounts_are_counted_and_named_on_request(
    terminal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twins and second accounts, whose owners can never sign in by face, would stay unknown; or be named unasked."""
    faces = strangers(20)
    faces[7] = faces[3]
    accounts = fill(terminal, faces)
    assert main(["calibrate"]) == 0
    said = capsys.readouterr().out
    assert "Possible double accounts: 1, pairs within 0.4" in said
    assert accounts[3] not in said
    assert main(["calibrate", "--list"]) == 0
    assert f"  {accounts[3]}  {accounts[7]}  0." in capsys.readouterr().out
    (double,) = calibrated(capsys, "--list")["double_accounts"]
    assert double["accounts"] == [accounts[3], accounts[7]]
    assert calibrated(capsys)["possible_double_accounts"] == 1


def test_a_large_gallery_is_measured_on_a_fixed_sample(terminal: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Two runs would suggest two thresholds, or a million people take a day."""
    fill(terminal, strangers(60))
    result = calibrated(capsys, "--people", "25")
    assert (result["people"], result["people_measured"], result["different"]) == (60, 25, 300)
    assert result == calibrated(capsys, "--people", "25")
    assert main(["calibrate", "--people", "25"]) == 0
    assert "25 people, always the same ones" in capsys.readouterr().out


def test_templates_of_another_kind_are_told_of_and_left_out(terminal: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers of an older network would be measured as if they were faces of this one."""
    fill(terminal, strangers(10))

    async def age() -> None:
        sql = await asyncpg.connect(terminal)
        await sql.execute("update face_templates set kind = 2 where is_anchor")
        await sql.close()

    asyncio.run(age())
    result = calibrated(capsys)
    assert (result["templates"], result["templates_of_other_kinds"], result["same"]) == (10, 10, 0)


def test_no_template_is_ever_printed(terminal: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A terminal's history would hold the faces of everybody."""
    faces = strangers(5)
    faces[0] = 0.6180339
    fill(terminal, faces, days=1)
    main(["calibrate", "--list"])
    main(["calibrate", "--list", "--json"])
    said = capsys.readouterr()
    assert not re.search(r"0\.6[0-9]{3,}", said.out + said.err)
    assert "[" not in said.out.replace('": [', "").replace("[]", "") or "0.61" not in said.out


@pytest.mark.parametrize("options", [["--target", "0"], ["--target", "1.5"], ["--people", "1"], ["--people", "x"]])
def test_options_that_make_no_sense_are_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A target of nothing would be kept by nothing, silently."""
    with pytest.raises(SystemExit) as ended:
        main(["calibrate", *options])
    assert ended.value.code == 2
    assert options[0] in capsys.readouterr().err


def test_without_a_database_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An operator would read a stack trace."""
    monkeypatch.setenv("BONAFIDE_DATA", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", f"postgresql://nobody@/none?host={tmp_path}")
    assert main(["calibrate"]) == 1
    assert "database cannot be reached" in capsys.readouterr().err
