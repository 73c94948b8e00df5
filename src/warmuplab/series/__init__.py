"""What is computed from one finished series: spikes, jitter, levels, thinning, a rate range test. Pure functions."""
