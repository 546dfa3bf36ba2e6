"""A few thousand damaged files through every reader, a few through HDF5; ``make fuzz`` does a million."""

import numpy as np
from fuzz import fuzz_hdf5, targets
from fuzz.mutate import mutate

from sqz_hw.errors import ModelFileError
from sqz_hw.model.readers import isolated


def test_seeds_are_legal():
    assert all(targets.one_input(seed) for seed in targets.seeds())
    assert {seed[0] for seed in targets.seeds()} == set(range(len(targets.TARGETS)))


def test_damaged_files_are_refused_or_legal():
    rng = np.random.default_rng(7)
    seeds = targets.seeds()
    taken = [0, 0]
    for _ in range(4000):
        source = seeds[int(rng.integers(0, len(seeds)))]
        taken[targets.one_input(source[:1] + mutate(source[1:], seeds, rng))] += 1
    assert min(taken) > 100


def test_damaged_hdf5_files():
    files = fuzz_hdf5.seeds()
    taken = 0
    for number in range(6):
        data = fuzz_hdf5.damaged(files, 3, number)
        try:
            isolated.read("x.h5", data, "HDF5", fuzz_hdf5.MOST)
        except ModelFileError:
            taken += 1
    assert taken
