"""How far stems are from the true ones: quality.py judge|museval TRUE_DIR DIR STEM...

For each stem a line: its name, and in dB the SDR of the whole song and the median of its seconds. The SDR is that of museval 0.4 (BSS
Eval v4, images): the energy of the true stem to that of the difference, over all channels. Seconds in which the true stem or the
other one is silent have none.

`museval` has museval itself say the SDR of each second, and prints for each stem the median of its seconds and how far its SDR is from
ours in that second where they are furthest apart. It says none of seconds in which any of the stems is silent.
"""
import sys

import numpy as np
import soundfile

RATE = 44_100


def samples(folder, stem):
    return soundfile.read(f"{folder}/{stem}.wav", always_2d=True, dtype="float64")[0]


def sdr(true, made):
    return 10 * np.log10((true**2).sum() / ((made - true)**2).sum())


def both(true_folder, folder, stem):
    true, made = samples(true_folder, stem), samples(folder, stem)
    assert true.shape == made.shape, f"{stem}: {made.shape}, but {true.shape}"
    return true, made


def seconds(true):
    return [slice(at, at + RATE) for at in range(0, len(true) - RATE + 1, RATE)]


def judge(true_folder, folder, *stems):
    for stem in stems:
        true, made = both(true_folder, folder, stem)
        heard = [part for part in seconds(true) if np.any(true[part]) and np.any(made[part])]
        median = np.median([sdr(true[part], made[part]) for part in heard])
        print(stem, f"{sdr(true, made):.4f}", f"{median:.4f}")


def museval(true_folder, folder, *stems):
    from museval.metrics import bss_eval

    true, made = zip(*(both(true_folder, folder, stem) for stem in stems))
    theirs = bss_eval(np.array(true), np.array(made), window=RATE, hop=RATE, compute_permutation=False)[0]
    for stem, true, made, theirs in zip(stems, true, made, theirs):
        parts = seconds(true)
        assert len(parts) == len(theirs), f"{stem}: {len(theirs)} seconds, but {len(parts)}"
        told = [(part, their) for part, their in zip(parts, theirs) if np.isfinite(their)]
        furthest = max(abs(sdr(true[part], made[part]) - their) for part, their in told)
        print(stem, f"{np.median([their for _, their in told]):.4f}", f"{furthest:.6f}")


{"judge": judge, "museval": museval}[sys.argv[1]](*sys.argv[2:])
