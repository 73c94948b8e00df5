"""What went wrong, in one line: a setting of a command line or of a file in `conf/`, its value and the remedy."""

import argparse
import errno
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, Self

import yaml
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import (
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    UnsupportedInterpolationType,
    ValidationError,
)

from warmuplab.base.arguments import called_as
from warmuplab.base.errors import ConfigError, in_one_line
from warmuplab.base.files import naming, reason
from warmuplab.config import known, suggestions
from warmuplab.config.keys import is_among

STUDY_HINT = (
    "a study is a file: copy conf/study/quick.yaml and type +study=NAME,"
    " or keep a sweep of your own apart with outputs=FOLDER"
)
FORM_HINT = "conf/study/quick.yaml shows the form"
IN_PLAIN_WORDS = {  # what OmegaConf says of a value
    r"could not be converted to Integer": "not a whole number",
    r"could not be converted to Float": "not a number",
    r"is not a valid bool": "neither true nor false",
    r"Cannot convert .* to string": "not a text",
    r"is not a ListConfig": "not a list",
}
NO_MODE_TWICE = ("Only one of --run", "The --resolve flag")


class RunFailedError(Exception):
    """A run ended in an error, which its directory tells in full."""

    @classmethod
    def of(cls, failures: Sequence[str], runs: int) -> Self:
        """For `failures`, a line each, of so many `runs` that were trained."""
        others = f"{len(failures)} of {runs} runs, the first of them " if len(failures) > 1 else ""
        return cls(f"{others}{failures[0]}")


GO_ON = "the same command goes on with what is left"


@contextmanager
def one_line_errors(when_interrupted: str = GO_ON) -> Iterator[None]:
    """Turn an error into one line on standard error and an exit status.

    Where a person interrupts: 130, or 128 and the number of another signal, with what that means, `when_interrupted`.
    2 for an error in the input; 1 for that of a run and for what the file system refuses: a full disk, a closed pipe.
    """
    try:
        yield
        with naming("standard output"):
            sys.stdout.flush()
    except KeyboardInterrupt as error:
        print(f"interrupted; {when_interrupted}", file=sys.stderr)
        raise SystemExit(128 + getattr(error, "number", signal.SIGINT)) from None
    except RunFailedError as error:
        _end("failed", str(error), 1)
    except Exception as error:
        said = one_line(error)
        if said is not None:
            _end("error", said, 2)
        if isinstance(error, OSError):
            _end("failed", reason(error), 1)
        raise


def _end(kind: str, said: str, status: int) -> NoReturn:
    print(in_one_line(f"{kind}: {said}"), file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:  # Python would try again at its end, and say so in lines of its own
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(status) from None


def one_line(error: Exception) -> str | None:
    """What is wrong and what to type instead; None for an error that is none of the input."""
    said = _said(error)
    return None if said is None else in_one_line(said)


def _said(error: Exception) -> str | None:
    match error:
        case ConfigError() | argparse.ArgumentError():
            return str(error)
        case yaml.YAMLError():
            return _not_yaml(error)
        case UnicodeDecodeError():
            path = _local(error, "full_path")  # of the file that Hydra was reading
            line = 1 + error.object[: error.start].count(b"\n")
            return path and f"{os.path.relpath(path)}: not text in UTF-8 (line {line}); save it as UTF-8"
        case MissingConfigException() if error.missing_cfg_file is not None:
            group, _, option = error.missing_cfg_file.rpartition("/")
            return f"{group}={option}: no such option; {_choice(option, error.options or ())}"
        case OverrideParseException():
            return f"{error.override}: cannot be read; write key=value, a value with spaces or signs as \"key='value'\""
        case ConfigCompositionException():
            return _not_composed(error)
        case OmegaConfBaseException():
            return _not_valid(error)
        case HydraException():
            return _of_hydra(str(error))
        case UserWarning() if absent := re.match(r"provider=hydra.searchpath.*path=(.*) is not available", str(error)):
            given = _as_given("hydra.searchpath")
            return f"{given}: there is no folder {absent[1]}; name one that exists, or leave hydra.searchpath out"
        case ValueError() if "Config group override" in str(error):
            return _no_option(str(getattr(_local(error, "override"), "input_line", "")))
        case ValueError() if str(error).startswith(NO_MODE_TWICE):
            return f"{error}; leave one out"
        case ValueError() if str(error).startswith("Expecting one subcommand"):
            return "--shell-completion: it is not said what to do; type --shell-completion install=bash, or uninstall="
        case OSError() if error.errno == errno.ENAMETOOLONG and (path := _local(error, "config_path")):
            group, _, option = str(path).removesuffix(".yaml").rpartition("/")
            if str(path) in str(error.filename):  # Hydra looks for an option's file
                return f"{group}={option[:60]}...: no such option; {_choice('', known.groups().get(group) or ())}"
        case OSError() if error.errno and _was_raised_in(error, "_save_config"):  # Hydra's own record
            given = _as_given("hydra.output_subdir")
            return f"{given}: {reason(error)}; name a folder that can be written, or leave hydra.output_subdir out"
        case OSError() if (path := _local(error, "full_path")) and error.errno:
            return f"{os.path.relpath(path)}: {reason(error)}; make it a file of settings that can be read"
        case OSError() if "Invalid loaded object type" in str(error):
            path = _local(error, "full_path") or "a file in conf"
            return f"{os.path.relpath(path)}: not a mapping of settings; {FORM_HINT}"
        case AssertionError() | TypeError() | AttributeError():
            return _not_usable(error)
    return None


def _of_hydra(text: str) -> str:
    if absent := re.match(r"Additional config directory '(.*)' not found", text):
        return f"--config-dir={absent[1]}: no such folder; name one that exists, or leave --config-dir out"
    return text


def _not_usable(error: Exception) -> str | None:
    """For a setting of Hydra's own over which Hydra stumbles; None where the error comes from elsewhere."""
    trace = error.__traceback__
    modules = []
    while trace is not None:
        modules.append(str(trace.tb_frame.f_globals.get("__name__")))
        trace = trace.tb_next
    typed = [given for given in sys.argv[1:] if _key(given).startswith("hydra")]
    if not typed or not modules or not modules[-1].startswith("hydra."):
        return None
    return f"{' '.join(typed)}: Hydra cannot use this ({type(error).__name__}); leave it out"


def _not_yaml(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{os.path.relpath(mark.name)}: not YAML: {error.problem} (line {mark.line + 1}); correct the file"
    path = _local(error, "full_path") or getattr(error, "name", "a file in conf")
    return f"{os.path.relpath(path)}: not YAML: {getattr(error, 'reason', error)}; correct the file"


def _not_composed(error: ConfigCompositionException) -> str:
    cause = error.__cause__ or error.__context__
    text = str(error)
    if file := re.match(r"In '([^']+)': \w+ raised while composing", text):
        key = getattr(cause, "full_key", "") or ""
        known = f"{key}: no such key" if "not in '" in text else "a value has the wrong form"
        return f"{file[1]}.yaml: {known}; hydra.sweeper.grids is a list of mappings, {FORM_HINT}"
    if sweep := re.match(r"Ambiguous value for argument '(.*)'", text):
        return f"{sweep[1]}: several values; give one, a list in [], or sweep with {called_as('train')} -m"
    if forced := re.match(r"force-add of config groups is not supported: '\++(.*)'", text):
        return f"++{forced[1]}: an option needs no ++; type {'+' if _key(forced[1]) == 'study' else ''}{forced[1]}"
    if twice := re.match(r"(\S+) appears more than once|Multiple values for (\S+)\.", text):
        group_twice = twice[1] or twice[2]
        remedy = "name one study" if group_twice == "study" else f"type {group_twice}=OPTION, without +"
        return f"{_as_given(group_twice)}: chosen more than once; {remedy}"
    if group := re.match(r"Could not override '([^']+)'. (No match|Did you mean)", text):
        return _no_option(_as_given(group[1]))
    if isinstance(cause, OmegaConfBaseException) and cause.full_key and not str(cause.full_key).isdigit():
        return _not_valid(cause)
    if there := re.match(r"Could not append to config. An item is already at '(.+)'", text):
        return f"{_as_given(there[1])}: the setting is there already; type {_as_given(there[1]).lstrip('+')}"
    if gone := re.match(r"Could not delete (?:from config. )?'(.+?)'(?: does not exist)?\.", text):
        return f"{_as_given(gone[1])}: there is nothing of that name to leave out; {_settings_hint()}"
    if typed := re.match(r"Error merging override (.*)", text):
        hint = (
            f"it is a list of mappings, {FORM_HINT}" if typed[1].startswith("hydra.sweeper.grids") else _settings_hint()
        )
        return f"{typed[1]}: a value of the wrong form; {hint}"
    return text


def _no_option(typed: str) -> str:
    """For a group that was given something else than the name of an option."""
    key = _key(typed)
    if key == "study":
        meant = _meant(key, typed)
        return f"{typed}: a study is a file; {meant}" if meant else f"{typed}: {STUDY_HINT}"
    if typed and not key:
        return f"{typed}: the name of the setting is missing; {_settings_hint()}"
    options = known.groups().get(key)
    return f"{typed or 'a group in a grid'}: not the name of an option; {_choice('', options or ())}"


def _settings_hint() -> str:
    return f"see `{called_as('train')} --help` for the settings and their values"


def _choice(typed: str, options: Sequence[str]) -> str:
    """Which of the options to choose."""
    near = suggestions.option(typed, options)
    listed = f"choose one of {', '.join(options)}" if options else _settings_hint()
    return f"did you mean {near}? {listed}" if near else listed


def _meant(key: str, given: str) -> str | None:
    """What is likely meant by a key that there is not, or by a value that is given to a whole group."""
    command = Path(sys.argv[0]).stem.rpartition(" ")[2].replace("-", "_")  # of find_lr.py and of `warmuplab find-lr`
    found = suggestions.setting(key, given.partition("=")[2], known.settings(command), known.groups())
    return found and f"did you mean {found}?"


def _not_valid(error: OmegaConfBaseException) -> str:
    """For a key that is unknown, and for a value that is missing or of another type than the key's."""
    key = str(error.full_key or "")
    problem = str(error.msg).partition("\n")[0].replace("$", "")
    if isinstance(error, MissingMandatoryValue):
        return f"{_as_given(key)}: {key} has no value; type {key}=VALUE, {_settings_hint()}"
    if isinstance(error, InterpolationResolutionError | UnsupportedInterpolationType):
        what = problem.rpartition("interpolation: ")[2].strip('"')
        return f"{_as_given(key)}: {what}; type a value, {_settings_hint()}"
    problem = next((plain for said, plain in IN_PLAIN_WORDS.items() if re.search(said, problem)), problem)
    if not key:
        return str(error)
    if not isinstance(error, ValidationError):
        given = _given(error, key)
        if key.startswith("hydra.launcher.slurm.options."):  # which has no keys until some are added
            return f"{given}: an option of sbatch is added with a +; type +{given if '=' in given else f'{key}=VALUE'}"
        return f"{given}: no such key; {_meant(_key(given), given) or _settings_hint()}"
    if key == "study" and hasattr(error.value, "keys"):
        return f"{_as_given(key)}: the file is empty or lacks the first line `# @package _global_`; {FORM_HINT}"
    if str(error.value) == "None":
        return f"{key}=null: needs a value; {_settings_hint()}"
    given = f"{key}={error.value}"
    if any(other.name.startswith(f"{key}.") for other in known.settings()):
        return f"{given}: a group of settings, not a value; {_meant(key, given) or _settings_hint()}"
    return f"{given}: {problem}; {_settings_hint()}"


def _given(error: Exception, key: str) -> str:
    """The key with its value, as the command line or the grid of a study has it; the key alone where neither does."""
    of_job = str(getattr(_local(error, "override"), "input_line", ""))
    whole = _key(of_job)  # where a group of it is unknown, the error names no more than that
    return _as_given(whole, of_job) if is_among(whole, (key,)) else _as_given(key)


def _key(given: str) -> str:
    return given.lstrip("+~").partition("=")[0]


def _as_given(key: str, otherwise: str | None = None) -> str:
    """What the command line says of the key; the key alone, or `otherwise`, where it says nothing."""
    return next((a for a in sys.argv[1:] if _key(a) == key), otherwise or key)


def _was_raised_in(error: Exception, function: str) -> bool:
    """Whether a function of that name was being called."""
    return any(frame.f_code.co_name == function for frame, _ in traceback.walk_tb(error.__traceback__))


def _local(error: Exception, name: str) -> Any:
    """The innermost variable of that name where the error was raised: libraries do not always put it in the message."""
    found, trace = None, error.__traceback__
    while trace is not None:
        found = trace.tb_frame.f_locals.get(name, found)
        trace = trace.tb_next
    return found
