"""CPU hot loops in numba, each with a plain torch twin."""
