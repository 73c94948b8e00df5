"""The settings of a run: schema, checks, composing from `conf/`, the command that repeats a run, errors in one line."""
