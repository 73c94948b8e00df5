"""Loss spikes, for use on their own: the public door to `warmuplab.series.spikes`."""

from warmuplab.series.spikes import Spike, find_spikes, olmo_spike_score, spike_summary

__all__ = ["Spike", "find_spikes", "olmo_spike_score", "spike_summary"]
