"""A module or package per study: which claims it tests, with which arms; and the log of deviations."""
