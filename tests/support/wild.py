"""Command lines with wild values, all from a seed: every group and key of `conf/`, and the arguments of the scripts."""

import random
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml

from support.composing import ROOT

CONF = ROOT / "conf"
SMALL: Mapping[str, str] = {
    "model.width": "16", "model.heads": "2", "model.depth": "1", "model.feed_forward": "32",
    "data.vocabulary_size": "300", "training.batch_size": "8", "training.steps": "3", "probes.batch_size": "8",
    "tracker": "none", "outputs": "wild",
}  # fmt: skip
"""What keeps a training short; left out where a case says something about it."""

NUMBERS = (
    "0", "1", "-1", "2", "3", "-0.0", "0.5", "1.5", "1e-3", "1e3", "1.0", "1e-320", "1e-50", "1e39", "3e38", "1e308",
    "-1e308", "1e400", "nan", "-nan", "inf", "-inf", ".nan", "0x10", "1_000", "0o17", "٣", "1e", "99999999999999999999",
    "1000000000", "2147483648", "9223372036854775807", "9223372036854775808", "9" * 400,
)  # fmt: skip
TEXTS = (
    "", "''", '""', "a", "a b", "'a b'", '"a', "'", "\\", "\\'", "ü", "☃", "ключ", "\u202e", "\U0001f600", "a" * 5000,
    "'" + "b" * 5000 + "'", "\t", "\n", "'\n'", "\x1b[31m", "\x7f", "\udcff",
    "-", "--", "=", "a=b", "a,b", "a:b", "#", "%s", "%",
    "{}{0}", "null", "none", "None", "~", "true", "false", "yes", "maybe", "???", "/", ".", "..", "../x", "/dev/null",
    "/proc/self/mem", "/nowhere/at/all", "a/b", "*", "!", "&a", "*a", "|", "<img src=x>", "[bold]x", "$HOME", "`id`",
)  # fmt: skip
STRUCTURES = (
    "[]", "[1]", "[1,2]", "[nan]", "[a,b]", "[[1],2]", "[[]]", "[null]", "[", "]", "[1", "[1,]", "[0.9,0.98]", "{}",
    "{a:1}", "{a:{b:[1]}}", "{a:[]}", "{name:cosine}", "{name:adam}", "{", "}", "{a", "{'':1}", "{1:2}", "[{a:1}]",
    "[" * 60 + "]" * 60, "{a:" * 40 + "1" + "}" * 40,
)  # fmt: skip
REFERENCES = (
    "${seed}", "${training.steps}", "${training}", "${model}", "${nope}", "${nope:1}", "${oc.env:HOME}",
    "${oc.env:NOPE}", "${oc.decode:x}", "${oc.create:{a:1}}", "${", "$", "${}", "${seed", "${${seed}}", "${hydra:job}",
    "${outputs}/${study}", "${.seed}", "\\${seed}", "'${seed}'", "${now:%Y}",
)  # fmt: skip
SWEEPS = (
    "1,2", "0,abc", "choice(1)", "choice(1,2)", "choice(a,b)", "range(3)", "range(1,0)", "range(0)", "range(0,1,0.5)",
    "range(0,1000000000000)", "interval(0,1)", "sort(2,1)", "shuffle(1,2)", "glob(*)", "glob(a*)", "tag(a,1)", "int(3)",
    "int(a)", "float(1)", "str(3)", "bool(1)", "json_str(1)", "extend_list(1)", "nope(1)", "choice()", "1,", ",1", ",",
    "[1],[2]", "{a:1},{a:2}", "'a,b',c", "null,1",
)  # fmt: skip
FLAGS = (
    "--help", "-h", "--version", "--cfg", "--cfg=job", "--cfg=nope", "--info", "--info=all", "--resolve", "--package=x",
    "--run", "--multirun", "-m", "-x", "--nope", "--nope=1", "--config-name=x", "--config-path=.", "--config-dir=nope",
    "--config-dir=.", "--hydra-help", "--shell-completion", "--experimental-rerun=x", "--", "-", "-c", "-p",
)  # fmt: skip
HYDRA = (
    "hydra.mode", "hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.verbose", "hydra.job.name",
    "hydra.job.chdir", "hydra.job.env_set", "hydra.job.env_copy", "hydra.output_subdir", "hydra.launcher",
    "hydra.launcher.cluster", "hydra.launcher.workers", "hydra.launcher.members", "hydra.sweeper.grids",
    "hydra.callbacks", "hydra.searchpath", "hydra.help.template", "hydra/launcher", "hydra/sweeper", "hydra/output",
    "hydra/help", "hydra/job_logging", "hydra/hydra_logging", "hydra/env", "hydra", "hydra.nope",
)  # fmt: skip
SIZES = ("training.steps", "training.batch_size", "model.width", "model.depth", "model.feed_forward", "model.heads")
TOO_LARGE = ("1000000000", "99999999999999999999", "10000000000")
CALM = 0.35  # of the cases: what is allowed alone may not be so together, and what trains finds other mistakes
MULTIRUNS = 0.27  # of the trainings, so that they are a sixth of all cases
LONGEST_TRAINING = 8  # steps, layers or heads that a case may ask for beside what is absurd


class Case(NamedTuple):
    """A script and its arguments."""

    script: str
    arguments: list[str]


def cases(seed: int, count: int) -> Iterator[Case]:
    """`count` of them; each is made from its number alone, so that one can be repeated without the others."""
    for number in range(count):
        yield case(seed, number)


def case(seed: int, number: int) -> Case:
    """The case `number` of `seed`."""
    draw = random.Random(f"{seed}/{number}")
    kinds = {_run: 62, _find_lr: 8, _schedule: 10, _report: 5, _figures: 4, _dashboard: 3, _sync: 2}
    kinds |= {_verify: 2, _evaluate: 2, _translate: 2}
    (kind,) = draw.choices(list(kinds), list(kinds.values()))
    return Case(kind.__name__[1:].replace("run", "train"), kind(draw))


def _run(draw: random.Random) -> list[str]:
    overrides = _overrides(draw)
    if draw.random() >= MULTIRUNS:
        return overrides
    several = [f"seed={draw.choice(('0,1', 'range(2)', '3', *SWEEPS))}"] if draw.random() < 0.7 else []
    return ["-m", *several, *overrides, *_where(draw, overrides)]


def _where(draw: random.Random, overrides: list[str]) -> list[str]:
    """Mostly in the process of the launcher: a worker of its own takes seconds to start."""
    is_told = any("cluster" in each for each in overrides)
    return [] if is_told or draw.random() < 0.03 else ["hydra.launcher.cluster=debug"]


def _find_lr(draw: random.Random) -> list[str]:
    seeds = draw.choice(["1", "2"]) if draw.random() < 0.6 else _wild(draw, "seeds")
    overrides = _overrides(draw)
    return [*(["-m"] if draw.random() < 0.05 else []), f"seeds={seeds}", *overrides, *_where(draw, overrides)]


def _schedule(draw: random.Random) -> list[str]:
    out = [f"+out={draw.choice(('rates.csv', *TEXTS))}"] if draw.random() < 0.2 else []
    return [*out, *_overrides(draw)]


def _report(draw: random.Random) -> list[str]:
    return _of_study(draw, ("--outputs", "--results"))


def _dashboard(draw: random.Random) -> list[str]:
    return _of_study(draw, ("--results",))


def _sync(draw: random.Random) -> list[str]:
    return _of_study(draw, ("--outputs", "--results"))


def _verify(draw: random.Random) -> list[str]:
    return _of_study(draw, ("--outputs",))


def _evaluate(draw: random.Random) -> list[str]:
    """Of what is no run directory, mostly: which there are only a training says."""
    options = [f"{option}={draw.choice((*NUMBERS, *TEXTS))}" for option in ("--beam", "--split", "--data-path")]
    return [draw.choice(("outputs/single", "outputs", *TEXTS)), *draw.sample(options, draw.randrange(3))]


def _translate(draw: random.Random) -> list[str]:
    sentences = [draw.choice(TEXTS) for _ in range(draw.randrange(3))]
    beam = [f"--beam={draw.choice(NUMBERS)}"] if draw.random() < 0.3 else []
    return [draw.choice(("outputs/single", "outputs", *TEXTS)), *sentences, *beam, *_rarely(draw, FLAGS)]


def _figures(draw: random.Random) -> list[str]:
    name = draw.choice(("training-loss", "phase-diagram", "held-out-loss", "--list", "--help", *TEXTS))
    return [name, *([draw.choice(("single", *TEXTS))] if draw.random() < 0.8 else []), *_rarely(draw, TEXTS)]


def _of_study(draw: random.Random, options: tuple[str, ...]) -> list[str]:
    """A study's name, and folders."""
    arguments = [draw.choice(("single", draw.choice((*TEXTS, *STRUCTURES, *NUMBERS))))]
    for option in options:
        if draw.random() < 0.25:
            folder = draw.choice(("elsewhere", option.lstrip("-"), *TEXTS))
            arguments += [f"{option}={folder}"] if draw.random() < 0.8 else [option, folder]
    arguments += _rarely(draw, (*TEXTS, *FLAGS))
    draw.shuffle(arguments)
    return arguments


def _rarely(draw: random.Random, values: tuple[str, ...]) -> list[str]:
    return [draw.choice(values)] if draw.random() < 0.06 else []


def _overrides(draw: random.Random) -> list[str]:
    """One to four of them among those that keep a training short; often none with a wild value."""
    override = _calm if draw.random() < CALM else _override
    wild = [override(draw) for _ in range(draw.choices((1, 2, 3, 4), (5, 3, 2, 1))[0])]
    wild = [each for first in wild for each in (*_owner(draw, first), first)]
    told = {each.lstrip("+~").partition("=")[0] for each in wild}
    small = [f"{key}={value}" for key, value in SMALL.items() if key not in told]
    if draw.random() < 0.03:
        small = [each for each in small if each != "tracker=none"]
    return [*small, *(["probes=none"] if draw.random() < 0.4 and "probes" not in told else []), *wild]


def _owner(draw: random.Random, override: str) -> list[str]:
    """Mostly the choice of an option that has the key, where not all options have it."""
    owners = OWNERS.get(override.lstrip("+~").partition("=")[0])
    return [draw.choice(owners)] if owners and draw.random() < 0.8 else []


def _calm(draw: random.Random) -> str:
    """An option that there is, or a value that a file of `conf/` gives to the key."""
    if draw.random() < 0.4:
        group = draw.choice(sorted(GROUPS))
        return f"{group}={draw.choice(GROUPS[group])}"
    key = draw.choice(sorted(KEYS))
    return f"{key}={draw.choice(KEYS[key])}"


def _override(draw: random.Random) -> str:
    kind = draw.random()
    if kind < 0.03:
        return draw.choice(FLAGS)
    if kind < 0.06:
        return draw.choice((*TEXTS, *STRUCTURES, *REFERENCES))
    if kind < 0.12:
        key = draw.choice(HYDRA)
    elif kind < 0.3:
        key = draw.choice(sorted(GROUPS))
    else:
        key = draw.choice(sorted(KEYS))
    sign = draw.choices(("", "+", "++", "~"), (90, 4, 4, 2))[0]
    if sign == "~" and draw.random() < 0.7:
        return f"~{key}"
    key = f"{key}{draw.choice(('', '.x', '[0]', '@x', ' '))}" if draw.random() < 0.03 else key
    if key in GROUPS and draw.random() < 0.8:
        return f"{sign}{key}={draw.choice(GROUPS[key])}"
    if key in KEYS and draw.random() < 0.55:
        return f"{sign}{key}={draw.choice(KEYS[key])}"
    return f"{sign}{key}={_wild(draw, key)}"


def _wild(draw: random.Random, key: str) -> str:
    """A value, but none that trains for hours."""
    if key in SIZES and draw.random() < 0.3:
        return draw.choice(TOO_LARGE)
    kinds: tuple[tuple[str, ...], ...] = (NUMBERS, TEXTS, STRUCTURES, REFERENCES, SWEEPS)
    value = draw.choice(draw.choices(kinds, (5, 4, 3, 2, 1))[0])
    return "1" if key in SIZES and _is_long(value) else value


def _is_long(value: str) -> bool:
    try:
        return LONGEST_TRAINING < float(value.replace("_", "")) < float(TOO_LARGE[0])
    except ValueError:
        return "range" in value


def _groups() -> dict[str, list[str]]:
    """Each folder of `conf/` with its options. A study brings its own steps and grids: it would train for hours."""
    groups: dict[str, list[str]] = {}
    for path in sorted(CONF.rglob("*/*.yaml")):
        group = path.parent.relative_to(CONF).as_posix()
        if group != "study":
            groups.setdefault(group, []).append(path.stem)
    return groups


def _owners() -> dict[str, list[str]]:
    """The options that have a key: `schedule=noam` for `schedule.decay.scale`; not for a key that all of them have."""
    owners: dict[str, list[str]] = {}
    for group in ("schedule", "schedule/warmup", "optimizer"):
        for option in GROUPS[group]:
            content = yaml.safe_load((CONF / group / f"{option}.yaml").read_text(encoding="utf-8"))
            for key, _ in _flat(content, group.replace("/", ".")):
                owners.setdefault(key, []).append(f"{group}={option}")
    return {key: options for key, options in owners.items() if len(options) < len(GROUPS[options[0].partition("=")[0]])}


def _keys() -> dict[str, list[str]]:
    """Each key of `conf/` with the values that the files give it."""
    keys: dict[str, list[str]] = {}
    for path in sorted(CONF.rglob("*.yaml")):
        group = path.parent.relative_to(CONF).as_posix().replace("/", ".").removeprefix(".")
        if group == "study" or group.startswith("hydra"):
            continue
        for key, value in _flat(yaml.safe_load(path.read_text(encoding="utf-8")), group):
            if "defaults" not in key and not key.startswith(("hydra", "seeds")):
                keys.setdefault(key, []).append(SMALL.get(key) or _typed(value))
    return {key: sorted(set(values)) for key, values in keys.items()}


def _flat(content: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        name = f"{prefix}.{key}".removeprefix(".")
        if isinstance(value, Mapping):
            yield from _flat(value, name)
        else:
            yield name, value


def _typed(value: Any) -> str:
    if isinstance(value, list):
        return f"[{','.join(map(_typed, value))}]"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


GROUPS = _groups()
KEYS = _keys()
OWNERS = _owners()
