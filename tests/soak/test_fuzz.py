"""Whatever is typed: it is done, with status 0, or refused in one line on standard error, with status 2.

No traceback, no other status, nothing that hangs. The long form is `make soak`; SEEDS names the seeds to draw from
(1,2) and CASES how many of each.
"""

import os
import random
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest

from support.forking import TIMED_OUT, Forker, Outcome, run_alone
from support.wild import SMALL, Case, case, cases

SEEDS = [int(seed) for seed in re.findall(r"\d+", os.environ.get("SEEDS", "1"))]
CASES = int(os.environ.get("CASES", "3000"))
TRAINED, REFUSED = "trained", "refused"
TINY = [f"{key}={value}" for key, value in ({**SMALL, "outputs": "outputs"}).items()]


def verdict(outcome: Outcome) -> str:
    """`TRAINED`, `REFUSED`, or what is wrong."""
    if outcome.status == TIMED_OUT:
        return "hangs"
    if "Traceback" in outcome.err + outcome.out:
        return "traceback"
    if outcome.status == 0:
        return TRAINED if not outcome.err else "done, but with words on standard error"
    if outcome.status != 2:
        return f"status {outcome.status}"
    one_line = outcome.err.startswith("error: ") and outcome.err.endswith("\n") and outcome.err.count("\n") == 1
    return REFUSED if one_line else "not one line"


def prepared(forker: Forker) -> None:
    """Two runs for the scripts that read a study."""
    sweep = ["-m", *TINY, "seed=0,1", "hydra.launcher.cluster=debug"]
    assert verdict(forker.run("train", sweep)) == TRAINED


def tell(seed: int, number: int, found: str, tried: Case, outcome: Outcome) -> str:
    typed = f"{tried.script} {shlex.join(tried.arguments)}"
    said = "\n".join(outcome.err.splitlines()[-6:])[-1500:]
    return f"seed {seed}, case {number}: {found} (status {outcome.status})\n  {typed[:600]!r}\n{said}\n"


def fuzz(seed: int, count: int, folder: Path, say: object = None) -> Counter[str]:
    """The verdicts over `count` cases of `seed`; fails where one is wrong, with all of these."""
    (folder / "home").mkdir(parents=True)
    found: Counter[str] = Counter()
    wrong: list[str] = []
    with Forker(folder) as forker:
        prepared(forker)
        for number, tried in enumerate(cases(seed, count)):
            outcome = forker.run(*tried)
            what = verdict(outcome)
            found[f"{tried.script}: {what}"] += 1
            if what not in (TRAINED, REFUSED):
                wrong.append(tell(seed, number, what, tried, outcome))
                print(wrong[-1], flush=True)
            if callable(say) and number % 100 == 99:
                say(f"seed {seed}: {number + 1} of {count}, {len(wrong)} wrong")
    assert not wrong, f"seed {seed}: {len(wrong)} of {count}\n" + "\n".join(wrong)
    return found


def same_in_a_process_of_its_own(seed: int, numbers: list[int], folder: Path) -> None:
    """A forked child ends as a process does: with the same status and the same line."""
    forked, alone = folder / "forked", folder / "alone"
    for place in (forked, alone):
        (place / "home").mkdir(parents=True)
    with Forker(forked) as forker:
        for number in numbers:
            tried = case(seed, number)
            one, other = forker.run(*tried), run_alone(*tried, alone)
            assert (one.status, one.err) == (other.status, other.err), tell(seed, number, "differs", tried, other)


def test_sixty_wild_command_lines(tmp_path: Path) -> None:
    found = fuzz(0, 60, tmp_path)
    assert sum(number for what, number in found.items() if what.endswith(TRAINED)) >= 10
    assert sum(number for what, number in found.items() if what.endswith(REFUSED)) >= 10


def test_a_forked_child_ends_as_a_process_does(tmp_path: Path) -> None:
    same_in_a_process_of_its_own(0, [0, 3], tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", SEEDS)
def test_thousands_of_wild_command_lines(seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def say(line: object) -> None:
        with capsys.disabled():
            print(line, flush=True)

    found = fuzz(seed, CASES, tmp_path, say)
    say("\n".join(f"  {number:>5} {what}" for what, number in sorted(found.items())))


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_sample_of_them_ends_the_same_in_processes_of_their_own(seed: int, tmp_path: Path) -> None:
    same_in_a_process_of_its_own(seed, random.Random(seed).sample(range(CASES), 25), tmp_path)
