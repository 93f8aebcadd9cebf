"""What PyTorch makes of the noise of core/stems/scripts with the whole network of Demucs: htdemucs.py SCRIPTS SAMPLES FILE

Writes drums, bass, other and vocals behind each other as 32-bit floats, left and right in turn. The network has the same seeded numbers
as the one that export_htdemucs.py in SCRIPTS exports. It hears with one thread and without random shifts, as ours does.
"""
import sys

import numpy as np
import torch


def main(scripts, samples, file):
    sys.path.insert(0, scripts)
    from demucs.apply import apply_model
    from export_htdemucs import network, noise

    torch.set_num_threads(1)
    mix = torch.from_numpy(noise(int(samples)))[None]
    with torch.no_grad():
        stems = apply_model(network(small=False, weights=None), mix, shifts=0, split=True, overlap=.25)[0].numpy()
    np.ascontiguousarray(stems.transpose(0, 2, 1), dtype="<f4").tofile(file)


main(*sys.argv[1:])
