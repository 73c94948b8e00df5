"""The lowest floor, independent of training: errors, files, arguments, words, fractions of a run in steps."""
