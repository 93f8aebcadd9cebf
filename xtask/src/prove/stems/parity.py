"""What Spleeter gives, and how far another's stems are from it.

parity.py noise FILE SAMPLES                       the noise that the scripts of core/stems hear, as a WAV of floats
parity.py spleeter PRETRAINED EXTENSION SONG FILE  Spleeter's own stems by Deezer's weights, as 32-bit floats behind each other
parity.py unwoven FILE DIR STEM...                 such stems as a WAV of floats each
parity.py compare FILE DIR STEM...                 for each stem a line: its name, the largest difference and the largest sample, where 1 is
                                                   full scale, and the SNR in dB
"""
import os
import sys

import numpy as np
import soundfile


def noise(file, samples):
    number = np.arange(2 * int(samples), dtype=np.uint64).reshape(-1, 2)
    hashed = (number * number * np.uint64(2_654_435_761) + number * np.uint64(40_503)) >> np.uint64(16)
    samples = (hashed & np.uint64(0xFFFF)).astype(np.float64) / 2**17 - .25
    soundfile.write(file, samples.astype("<f4"), 44_100, subtype="FLOAT")


def spleeter(pretrained, extension, song, file):
    os.environ.update(MODEL_PATH=pretrained, CUDA_VISIBLE_DEVICES="")
    from spleeter.separator import Separator

    separator = Separator("spleeter:2stems", multiprocess=False)
    separator._params["mask_extension"] = extension
    made = separator.separate(soundfile.read(song, always_2d=True, dtype="float32")[0])
    np.stack([made[stem] for stem in ("vocals", "accompaniment")]).astype("<f4").tofile(file)


def unwoven(file, folder, *stems):
    for stem, samples in zip(stems, np.fromfile(file, "<f4").reshape(len(stems), -1, 2)):
        soundfile.write(f"{folder}/{stem}.wav", samples, 44_100, subtype="FLOAT")


def compare(file, folder, *stems):
    expected = np.fromfile(file, "<f4").reshape(len(stems), -1, 2).astype("f8")
    for stem, right in zip(stems, expected):
        ours = soundfile.read(f"{folder}/{stem}.wav", always_2d=True, dtype="float64")[0]
        assert ours.shape == right.shape, f"{stem}: {ours.shape}, but {right.shape}"
        snr = 10 * np.log10((right**2).sum() / ((ours - right)**2).sum())
        print(stem, f"{np.abs(ours - right).max():.3e}", f"{np.abs(right).max():.3e}", f"{snr:.2f}")


{"noise": noise, "spleeter": spleeter, "unwoven": unwoven, "compare": compare}[sys.argv[1]](*sys.argv[2:])
