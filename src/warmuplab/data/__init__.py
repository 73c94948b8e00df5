"""From text to the batch that a member reads at a step, a pure function of (seed, step)."""
