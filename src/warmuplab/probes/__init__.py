"""What is measured while training, beside what training yields by itself. A probe changes nothing.

Every probe measures all members at once, on the device, without waiting for it; what it records of a member that has
diverged is not a number.
"""

from collections.abc import Callable

import torch

Record = Callable[[str, int, torch.Tensor], None]
"""Keeps a metric's values `(M,)` at a step."""
