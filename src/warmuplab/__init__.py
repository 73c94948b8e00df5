"""warmuplab: what people say about learning-rate warmup, tested with real training runs."""

__version__ = "0.1.0"
