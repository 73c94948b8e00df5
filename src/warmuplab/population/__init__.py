"""M runs in lockstep: the network, the optimizers, the weights, and the series that training yields by itself."""
