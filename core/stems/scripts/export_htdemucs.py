#!/usr/bin/env python3
"""The network of Demucs 4 as an ONNX graph with its numbers beside it: export_htdemucs.py DIR [--weights FILE.th] [--small]

Writes htdemucs.onnx and htdemucs.onnx.data into DIR, and at last SHA256SUMS, which says what they are: `millpond models add htdemucs DIR
--accept-licence` takes them and refuses what is not as it was written here. Spectra are taken outside of the graph, so that its inputs are `mix` (1, 2, samples) and `spectra` (1, 4, 2048, frames), its outputs `stems` (1, 4, 2, samples)
and `stem_spectra` (1, 4, 4, 2048, frames).

Without --weights the numbers are random, the same each time. --small is a network of the same shape that is narrow and hears a second and a
half; beside it comes stems.f32, what PyTorch makes by `apply_model` of the noise below: 32-bit floats, left and right of each 61st sample,
every stem behind the other. The tests compare with that.

Needs from PyPI: demucs==4.1.0 torch onnx.
"""
import argparse
import hashlib
import pathlib

import numpy as np
import onnx
import torch
from demucs.apply import apply_model
from demucs.htdemucs import HTDemucs

SOURCES = ["drums", "bass", "other", "vocals"]
RATE_HZ = 44_100
SUMS = "SHA256SUMS"
NOISE_SAMPLES = 150_000
# As the models of Demucs' authors are.
LARGE = dict(channels=48, bottom_channels=512, dconv_mode=3, t_layers=5, segment=7.8)
SMALL = dict(channels=8, growth=1, bottom_channels=16, dconv_mode=3, t_layers=3, t_heads=2, t_hidden_scale=2.0, segment=1.5)


class Core(torch.nn.Module):
    """The network between its spectra and its spectra."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.made = None

    def forward(self, mix, spectra):
        network = self.network
        network._spec = lambda mix: spectra
        network._magnitude = lambda spectra: spectra
        network._mask = lambda spectra, made: made
        network._ispec = self.keep
        return network(mix), self.made

    def keep(self, made, length):
        self.made = made
        return torch.zeros(1)


def network(small, weights):
    torch.manual_seed(1)
    made = HTDemucs(sources=SOURCES, **(SMALL if small else LARGE))
    if weights:
        package = torch.load(weights, map_location="cpu", weights_only=False)
        made = HTDemucs(*package["args"], **package["kwargs"])
        made.load_state_dict(package["state"])
    # The place of a sample in its segment is drawn at random only in training.
    made.crosstransformer.sin_random_shift = 0
    made.segment = float(made.segment)
    return made.eval()


def noise(samples):
    """The same in every language: whole numbers alone, until they are divided by a power of two."""
    number = np.arange(2 * samples, dtype=np.uint64).reshape(samples, 2)
    hashed = (number * number * np.uint64(2_654_435_761) + number * np.uint64(40_503)) >> np.uint64(16)
    return ((hashed & np.uint64(0xFFFF)).astype(np.float64) / 2**17 - .25).astype("<f4").T.copy()


def list_sums(folder, names):
    """What the files are, as sha256sum writes it. It has its name when all of it is there."""
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / ".sums").write_text("".join(lines))
    (folder / ".sums").replace(folder / SUMS)


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=pathlib.Path)
    words.add_argument("--weights", type=pathlib.Path)
    words.add_argument("--small", action="store_true")
    given = words.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    # What was listed before is not what is written now.
    (given.folder / SUMS).unlink(missing_ok=True)
    torch.backends.mha.set_fastpath_enabled(False)
    torch.set_num_threads(1)

    made = network(given.small, given.weights)
    if given.small:
        mix = noise(NOISE_SAMPLES)
        with torch.no_grad():
            stems = apply_model(made, torch.from_numpy(mix)[None], shifts=0, split=True, overlap=.25)[0].numpy()
        stems.transpose(0, 2, 1)[:, ::61].astype("<f4").tofile(given.folder / "stems.f32")

    samples = int(made.segment * RATE_HZ)
    inputs = torch.zeros(1, 2, samples), torch.zeros(1, 4, 2048, -(-samples // 1024))
    name = given.folder / "htdemucs.onnx"
    torch.onnx.export(Core(made), inputs, str(name), input_names=["mix", "spectra"], output_names=["stems", "stem_spectra"],
                      opset_version=17, dynamo=False, do_constant_folding=True)
    graph = onnx.load(str(name))
    for node in graph.graph.node:
        # Where in the program an operator came from is half of the file.
        node.name, node.doc_string = "", ""
    data = name.with_suffix(".onnx.data")
    data.unlink(missing_ok=True)
    onnx.save_model(graph, str(name), save_as_external_data=True, all_tensors_to_one_file=True, location=data.name,
                    size_threshold=64, convert_attribute=True)
    list_sums(given.folder, [name.name, data.name])
    print(f"{sum(p.numel() for p in made.parameters())} parameters, {name.stat().st_size} + {data.stat().st_size} bytes")


if __name__ == "__main__":
    main()
