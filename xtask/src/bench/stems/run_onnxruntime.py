"""The networks of Spleeter by ONNX Runtime, block by block, the same song several times: run_onnxruntime.py SONG DIR TIMES."""
import os
import sys

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import numpy as np
import onnxruntime
import soundfile
from scipy import fft

FRAME, HOP, FRAMES, BINS = 4096, 1024, 512, 1024
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession("networks.onnx", options, providers=["CPUExecutionProvider"])
window = (.5 - .5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype("f4")


def blocks(song):
    """The spectra of 512 frames at a time: (frame, side, frequency)."""
    count = -(-len(song) // HOP) + 4
    for first in range(0, count, FRAMES):
        frames = min(FRAMES, count - first)
        begin = first * HOP - FRAME
        heard = np.zeros(((frames - 1) * HOP + FRAME, 2), "f4")
        low, high = max(0, begin), min(len(song), begin + len(heard))
        heard[low - begin:high - begin] = song[low:high]
        view = np.lib.stride_tricks.sliding_window_view(heard, FRAME, axis=0)[::HOP]
        yield fft.rfft(view * window, axis=-1)


def separate(song, files):
    sums = [np.zeros((FRAME, 2), "f4") for _ in files]
    given = -FRAME
    for spectra in blocks(song):
        mix = np.zeros((1, 2, FRAMES, BINS), "f4")
        mix[0, :, :len(spectra)] = np.abs(spectra[:, :, :BINS]).transpose(1, 0, 2)
        powers = [stem[0, :, :len(spectra)].transpose(1, 0, 2)**2 for stem in session.run(None, {"mix": mix})]
        total = sum(powers) + 1e-10
        for at, (power, file) in enumerate(zip(powers, files)):
            masked = np.zeros_like(spectra)
            masked[:, :, :BINS] = spectra[:, :, :BINS] * ((power + 1e-10 / len(files)) / total)
            parts = fft.irfft(masked, axis=-1) * (window * np.float32(2 / 3))
            made = np.zeros(((len(spectra) - 1) * HOP + FRAME, 2), "f4")
            made[:FRAME] = sums[at]
            for frame, part in enumerate(parts):
                made[frame * HOP:frame * HOP + FRAME] += part.T
            ready = len(spectra) * HOP
            low, high = max(0, -given), min(ready, len(song) - given)
            file.write(made[low:high])
            sums[at] = np.zeros((FRAME, 2), "f4")
            sums[at][:FRAME - HOP] = made[ready:]
        given += len(spectra) * HOP


os.makedirs(sys.argv[2], exist_ok=True)
for _ in range(int(sys.argv[3])):
    song, rate = soundfile.read(sys.argv[1], always_2d=True, dtype="float32")
    files = [soundfile.SoundFile(f"{sys.argv[2]}/{name}.wav", "w", rate, 2, "PCM_16") for name in ("vocals", "accompaniment")]
    separate(song, files)
    for file in files:
        file.close()
