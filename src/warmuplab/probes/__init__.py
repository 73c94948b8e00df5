"""What is measured while training, beside what training yields by itself. A probe changes nothing.

Every probe measures all members at once, on the device, without waiting for it; what it records of a member that has
diverged is not a number.

What is measured around a step becomes a part of the step's graph of kernels (`population.replay`): all that it carries
from step to step lies in tensors that are made at the first step and changed in place, and `timetable.Due`, which says
what is measured, belongs to the key of the graph. Curvature stays outside.
"""

from collections.abc import Callable

import torch

Record = Callable[[str, int | torch.Tensor, torch.Tensor], None]
"""Keeps a metric's values `(M,)` at a step, a number or 0-d on the device."""
