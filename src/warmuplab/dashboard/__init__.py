"""One self-contained page per study, from `results/<study>/` alone: no server, no network, opens from a file."""
