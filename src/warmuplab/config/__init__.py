"""What a run can be told: schema, checks, composing from `conf/`, the command that trains again, errors in a line."""
