"""What everything stands on and what knows nothing of training: errors, files, arguments, words, shares of a run."""
