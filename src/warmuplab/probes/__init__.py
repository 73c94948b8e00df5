"""What is measured while training, beside what training yields by itself. A probe changes nothing."""
