"""A song of noise, tones and clicks, the same each time: song.py FILE SECONDS."""
import sys

import numpy as np
import soundfile

RATE = 44_100
seconds = int(sys.argv[2])
random = np.random.default_rng(1)
with soundfile.SoundFile(sys.argv[1], "w", RATE, 2, "PCM_16") as file:
    for second in range(seconds):
        time = second + np.arange(RATE) / RATE
        tone = .2 * np.sin(2 * np.pi * (220 + 40 * np.sin(time)) * time)
        click = .3 * random.normal(0, 1, RATE) * np.exp(-(np.arange(RATE) % 22_050) / 900)
        hiss = .02 * random.normal(0, 1, (RATE, 2))
        file.write(np.clip(np.stack([tone + click, tone - .3 * click], 1) + hiss, -1, 1))
