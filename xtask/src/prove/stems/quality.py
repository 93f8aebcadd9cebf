"""How far stems are from the true ones: quality.py TRUE_DIR DIR STEM...

For each stem a line: its name, and in dB the SDR of the whole song and the median of its seconds. The SDR is that of museval 0.4 (BSS
Eval v4, images): the energy of the true stem to that of the difference, over all channels. Seconds in which the true stem or the
other one is silent have none.
"""
import sys

import numpy as np
import soundfile

RATE = 44_100


def samples(folder, stem):
    return soundfile.read(f"{folder}/{stem}.wav", always_2d=True, dtype="float64")[0]


def sdr(true, made):
    return 10 * np.log10((true**2).sum() / ((made - true)**2).sum())


def main(true_folder, folder, *stems):
    for stem in stems:
        true, made = samples(true_folder, stem), samples(folder, stem)
        assert true.shape == made.shape, f"{stem}: {made.shape}, but {true.shape}"
        seconds = [slice(at, at + RATE) for at in range(0, len(true) - RATE + 1, RATE)]
        heard = [part for part in seconds if np.any(true[part]) and np.any(made[part])]
        median = np.median([sdr(true[part], made[part]) for part in heard])
        print(stem, f"{sdr(true, made):.4f}", f"{median:.4f}")


main(*sys.argv[1:])
