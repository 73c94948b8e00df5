"""What went wrong, in one line: a setting of a command line or of a file in `conf/`, its value and the remedy."""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import (
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    UnsupportedInterpolationType,
    ValidationError,
)

from warmuplab.base.errors import ConfigError

KNOBS_HINT = "see `python scripts/train.py --help` for the knobs and their values"
STUDY_HINT = (
    "a study is a file: copy conf/study/quick.yaml and type +study=NAME,"
    " or keep a sweep of your own apart with outputs=FOLDER"
)
FORM_HINT = "conf/study/quick.yaml shows the form"
NO_MODE_TWICE = ("Only one of --run", "The --resolve flag")


class RunFailedError(Exception):
    """A run ended in an error, which its directory tells in full."""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn an error in the input into one line on standard error and exit status 2; a run's into status 1."""
    try:
        yield
    except KeyboardInterrupt:
        print("interrupted; the same command goes on with what is not finished", file=sys.stderr)
        raise SystemExit(130) from None
    except RunFailedError as error:
        print(f"failed: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    except Exception as error:
        said = one_line(error)
        if said is None:
            raise
        print(f"error: {said}", file=sys.stderr)
        raise SystemExit(2) from None


def one_line(error: Exception) -> str | None:
    """What is wrong and what to type instead; None for an error that is none of the input."""
    said = _said(error)
    return None if said is None else " ".join(said.split())


def _said(error: Exception) -> str | None:
    match error:
        case ConfigError() | argparse.ArgumentError():
            return str(error)
        case yaml.YAMLError():
            return _not_yaml(error)
        case UnicodeDecodeError():
            path = _local(error, "full_path")  # of the file that Hydra was reading
            line = 1 + error.object[: error.start].count(b"\n")
            return path and f"{os.path.relpath(path)}: not text in UTF-8 (line {line}); write the file anew"
        case MissingConfigException() if error.missing_cfg_file is not None:
            group, _, option = error.missing_cfg_file.rpartition("/")
            return f"{group}={option}: no such option; choose one of {', '.join(error.options or ())}"
        case OverrideParseException():
            return f"{error.override}: cannot be read; write key=value, a value with spaces or signs as \"key='value'\""
        case ConfigCompositionException():
            return _not_composed(error)
        case OmegaConfBaseException():
            return _not_valid(error)
        case HydraException():
            return str(error)
        case ValueError() if "Config group override" in str(error):
            return _no_option(str(getattr(_local(error, "override"), "input_line", "")))
        case ValueError() if str(error).startswith(NO_MODE_TWICE):
            return f"{error}; leave one out"
        case OSError() if "Invalid loaded object type" in str(error):
            path = _local(error, "full_path") or "a file in conf"
            return f"{os.path.relpath(path)}: not a mapping of settings; {FORM_HINT}"
    return None


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
        return f"{sweep[1]}: several values; give one, a list in [], or sweep with python scripts/train.py -m"
    if twice := re.match(r"(\S+) appears more than once", text):
        remedy = "name one study" if twice[1] == "study" else f"type {twice[1]}=OPTION, without +"
        return f"{_as_given(twice[1])}: chosen more than once; {remedy}"
    if group := re.match(r"Could not override '([^']+)'. (No match|Did you mean)", text):
        return _no_option(_as_given(group[1]))
    if isinstance(cause, OmegaConfBaseException) and cause.full_key and not str(cause.full_key).isdigit():
        return _not_valid(cause)
    if typed := re.match(r"Error merging override (.*)", text):
        hint = f"it is a list of mappings, {FORM_HINT}" if typed[1].startswith("hydra.sweeper.grids") else KNOBS_HINT
        return f"{typed[1]}: a value of the wrong form; {hint}"
    return text


def _no_option(typed: str) -> str:
    """For a group that was given something else than the name of an option."""
    key = typed.lstrip("+~").partition("=")[0]
    if key == "study":
        return f"{typed}: {STUDY_HINT}"
    if typed and not key:
        return f"{typed}: the name of the setting is missing; {KNOBS_HINT}"
    return f"{typed or 'a group in a grid'}: not the name of an option; {KNOBS_HINT}"


def _not_valid(error: OmegaConfBaseException) -> str:
    """For a key that is unknown, and for a value that is missing or of another type than the key's."""
    key = str(error.full_key or "")
    problem = str(error.msg).partition("\n")[0].replace("$", "")
    if isinstance(error, MissingMandatoryValue):
        return f"{_as_given(key)}: {key} has no value; type {key}=VALUE, {KNOBS_HINT}"
    if isinstance(error, InterpolationResolutionError | UnsupportedInterpolationType):
        what = problem.rpartition("interpolation: ")[2].strip('"')
        return f"{_as_given(key)}: {what}; type a value, {KNOBS_HINT}"
    if not key:
        return str(error)
    if not isinstance(error, ValidationError):
        return f"{_as_given(key)}: no such key; {KNOBS_HINT}"
    if key == "study" and hasattr(error.value, "keys"):
        return f"{_as_given(key)}: the file is empty or lacks the first line `# @package _global_`; {FORM_HINT}"
    if str(error.value) == "None":
        return f"{key}=null: needs a value; {KNOBS_HINT}"
    return f"{key}={error.value}: {problem}; {KNOBS_HINT}"


def _as_given(key: str) -> str:
    """What the command line says of the key; the key alone where it says nothing."""
    return next((a for a in sys.argv[1:] if a.lstrip("+~").partition("=")[0] == key), key)


def _local(error: Exception, name: str) -> Any:
    """The innermost variable of that name where the error was raised: libraries do not always put it in the message."""
    found, trace = None, error.__traceback__
    while trace is not None:
        found = trace.tb_frame.f_locals.get(name, found)
        trace = trace.tb_next
    return found
