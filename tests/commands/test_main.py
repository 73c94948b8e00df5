"""The console command: one door to every command, each with a help of its own, nothing heavy before it is needed."""

import subprocess
import sys

import pytest

from support.composing import ROOT
from warmuplab.commands import main as console

HEAVY = {"torch", "wandb", "datasets", "pandas", "matplotlib", "scipy"}


def typed(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from warmuplab.commands.main import main; sys.argv[0] = 'warmuplab'; status = main();"
    code += f" print('heavy:', *sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr); sys.exit(status)"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_the_list_names_every_command_and_imports_nothing_heavy() -> None:
    finished = typed("--help")
    assert (finished.returncode, finished.stderr) == (0, "heavy:\n")
    assert all(f"  {name} " in finished.stdout for name in console.COMMANDS)


@pytest.mark.parametrize("name", [name for name in console.COMMANDS if name != "figures"])
def test_every_command_has_a_help_of_its_own(name: str) -> None:
    finished = typed(name, "--help")
    assert finished.returncode == 0
    assert finished.stderr in ("heavy:\n", "")  # argparse and Hydra end the program
    word = {"train": "-m +study=quick", "find-lr": "find_lr.py", "schedule": "step,lr", "bench": "probes"}
    assert word.get(name, f"warmuplab {name}") in finished.stdout


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
