"""The one error that a user's input can cause."""


class ConfigError(ValueError):
    """A setting that cannot be used: one line that names the field, the value and the remedy.

    `field` is the dotted name as typed on a command line (`schedule.warmup.fraction`), `value` what was given,
    `problem` what is wrong with it and `remedy` what to type instead.
    """

    def __init__(self, field: str, value: object, problem: str, remedy: str) -> None:
        self.field, self.value, self.problem, self.remedy = field, value, problem, remedy
        super().__init__(field, value, problem, remedy)  # every argument, so that it survives pickling

    def __str__(self) -> str:
        text = f"{self.field}={_as_given(self.value)}: {self.problem}; {self.remedy}"
        return in_one_line(text)


def in_one_line(text: str) -> str:
    """`text` in one line, whatever it quotes: what is not printed, as the codes that steer a terminal, is escaped."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in " ".join(text.split()))


def _as_given(value: object) -> str:
    """`value` as it would be typed on the command line."""
    return "null" if value is None else str(value)
