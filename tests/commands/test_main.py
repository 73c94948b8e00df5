"""The console command: one door to every command, each with a help of its own, nothing heavy before it is needed."""

import signal
import subprocess
import sys

import pytest

from support.composing import ROOT
from warmuplab.commands import main as console

HEAVY = {"torch", "wandb", "datasets", "pandas", "matplotlib", "scipy", "rich", "hydra", "omegaconf", "numpy"}
BY_HYDRA = ("train", "find-lr", "schedule")


def typed(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import atexit, sys; from warmuplab.commands.main import main; sys.argv[0] = 'warmuplab';"
    code += f" said = lambda: print('heavy:', *sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr);"
    code += " atexit.register(said); sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_list_names_every_command_and_imports_nothing_heavy() -> None:
    finished = typed("--help")
    assert (finished.returncode, finished.stderr) == (0, "heavy:\n")
    assert all(f"  {name} " in finished.stdout for name in console.COMMANDS)


@pytest.mark.parametrize("name", console.COMMANDS)
def test_every_command_has_a_help_of_its_own(name: str) -> None:
    finished = typed(name, "--help")
    assert finished.returncode == 0
    word = {"train": "-m +study=quick", "find-lr": "seeds=3", "schedule": "step,lr", "bench": "probes"}
    assert word.get(name, f"usage: warmuplab {name}") in finished.stdout
    assert f"warmuplab {name}" in finished.stdout
    assert "scripts/" not in finished.stdout
    composing = " hydra numpy omegaconf" if name in BY_HYDRA else ""
    assert finished.stderr == f"heavy:{composing}\n"


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="no such signal here")
@pytest.mark.parametrize("command", [["scripts/schedule.py"], ["scripts/train.py", "--help"]])
def test_what_only_prints_ends_quietly_when_nobody_reads_on(command: list[str]) -> None:
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == -signal.SIGPIPE
    process.stderr.close()


@pytest.mark.parametrize("script", sorted(path.stem for path in (ROOT / "scripts").glob("*.py")))
def test_every_script_is_a_door_to_a_command(script: str) -> None:
    text = (ROOT / "scripts" / f"{script}.py").read_text()
    assert script.replace("_", "-") in console.COMMANDS
    assert len(text.splitlines()) < 10
    finished = subprocess.run(
        [sys.executable, f"scripts/{script}.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (finished.returncode, finished.stderr) == (0, "")


def test_an_unknown_command_is_one_line_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for word, said in (("reprot", "did you mean report?"), ("xyz", "choose one of train")):
        monkeypatch.setattr(sys, "argv", ["warmuplab", word])
        assert console.main() == 2
        heard = capsys.readouterr()
        assert heard.out == ""
        assert heard.err.startswith(f"error: {word}: no such command; {said}")
        assert heard.err.count("\n") == 1
