"""About what runs cost, in steps of the small network: width 32, 16 sentences, no probes.

Measured on two cores: that network takes 13.5 ms a step and member, another width or batch size so many times as long.
"""

from warmuplab.base.portions import whole_portion
from warmuplab.config.schema import RunConfig
from warmuplab.probes.timetable import make_timetable

OF_WIDTH = {16: 0.6, 32: 1.0, 64: 3.0, 128: 11.0}
OF_BATCH = {8: 0.65, 16: 1.0, 32: 1.9, 64: 3.7}
PROBE_LOSS = 0.3  # steps, each time that it alone is measured
AT_THE_END = 25.0  # steps that the losses on whole splits take
MEMBER_STEPS_PER_MINUTE = 150 * 60  # on two cores


def cost_of(config: RunConfig) -> float:
    """Member-steps of the small network that a run takes as long as."""
    steps = config.training.steps
    timetable = make_timetable(config.probes, steps, whole_portion(config.probes.early_fraction, steps))
    taken = float(steps)
    if config.probes.loss_only:
        taken += PROBE_LOSS * len(timetable.due)
    elif config.probes.enabled:
        taken = float(timetable.cost(steps, config.probes.curvature).sum())
    return (taken + AT_THE_END) * OF_WIDTH[config.model.width] * OF_BATCH[config.training.batch_size]
