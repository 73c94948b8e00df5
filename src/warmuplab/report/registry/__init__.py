"""The report of a registry: all claims that were registered together, whichever studies carry them."""
