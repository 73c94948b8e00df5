"""Equivalence by two one-sided tests, put together from one-sided ones as the textbook has it."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from warmuplab.claims.statistics import sign_flip_p


def equivalence_p(differences: ArrayLike, smallest_effect: ArrayLike) -> NDArray[np.float64]:
    """p-value against an effect of at least `smallest_effect` either way (Schuirmann 1987); the larger one counts."""
    bound = np.asarray(smallest_effect, dtype=np.float64)
    return np.maximum(sign_flip_p(differences, "greater", -bound), sign_flip_p(differences, "less", bound))
