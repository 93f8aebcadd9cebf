#!/usr/bin/env python3
"""What Spleeter 2.4.2 itself makes of random networks: spleeter_reference.py DIR [--full]

For two, four and five stems writes DIR/2stems, DIR/4stems and DIR/5stems: in each a checkpoint as TensorFlow itself writes it (model.index,
model.data-00000-of-00001), and what Spleeter makes with it of the noise below under `zeros` and `average` (zeros.f32, average.f32: 32-bit
floats, left and right of each 61st sample, every stem behind the other in the order of its own list). The networks are seeded, so that
the same files come out each time, and narrow, so that they are small; --full makes them as wide as Deezer's, and their results whole.

Needs Python 3.11 and from PyPI: spleeter==2.4.2.
"""
import argparse
import json
import os
import pathlib
import shutil

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf

NOISE_SAMPLES = 30_000
NARROW = [2, 3, 3, 4, 4, 5]
STEMS = {
    "2stems": ["vocals", "accompaniment"],
    "4stems": ["vocals", "drums", "bass", "other"],
    "5stems": ["vocals", "piano", "drums", "bass", "other"],
}


def noise(samples):
    """The same in every language: whole numbers alone, until they are divided by a power of two."""
    number = np.arange(2 * samples, dtype=np.uint64).reshape(samples, 2)
    hashed = (number * number * np.uint64(2_654_435_761) + number * np.uint64(40_503)) >> np.uint64(16)
    return ((hashed & np.uint64(0xFFFF)).astype(np.float64) / 2**17 - .25).astype("<f4")


def parameters(name, is_full):
    """What Spleeter's own configuration of this name says, with narrower networks."""
    import spleeter.resources

    text = pathlib.Path(spleeter.resources.__file__).with_name(f"{name}.json").read_text()
    made = json.loads(text)
    if not is_full:
        made["model"]["params"]["conv_n_filters"] = NARROW
    return made


def numbers(name, shape, random):
    """Numbers for a variable, so large that each of them matters and none runs away."""
    kind = name.split("/")[-1]
    if kind == "kernel":
        inputs = shape[0] * shape[1] * (shape[3] if "transpose" in name else shape[2])
        return random.normal(0, 1 / np.sqrt(inputs), shape)
    middle, width = {"gamma": (1, .2), "moving_variance": (1, .2), "bias": (0, .2), "beta": (0, .2), "moving_mean": (0, .2)}[kind]
    return np.abs(random.normal(middle, width, shape)) if middle else random.normal(middle, width, shape)


def checkpoint(folder, made, random):
    from spleeter.model import EstimatorSpecBuilder

    folder.mkdir(parents=True, exist_ok=True)
    with tf.Graph().as_default():
        tf.compat.v1.train.get_or_create_global_step()
        waveform = tf.compat.v1.placeholder(tf.float32, (None, 2))
        EstimatorSpecBuilder({"waveform": waveform, "audio_id": tf.constant("song")}, made).build_predict_model()
        with tf.compat.v1.Session() as session:
            session.run(tf.compat.v1.global_variables_initializer())
            for variable in sorted(tf.compat.v1.global_variables(), key=lambda variable: variable.name):
                name = variable.name.split(":")[0]
                if name != "global_step":
                    variable.load(numbers(name, variable.shape.as_list(), random).astype("f4"), session)
            tf.compat.v1.train.Saver(write_version=2).save(session, str(folder / "model"), write_meta_graph=False)
    (folder / ".probe").write_text("OK")


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("folder", type=pathlib.Path)
    words.add_argument("--full", action="store_true")
    given = words.parse_args()
    # Spleeter looks at this when it is imported.
    os.environ["MODEL_PATH"] = str(given.folder.resolve())
    from spleeter.separator import Separator

    mix = noise(NOISE_SAMPLES)
    for name, stems in STEMS.items():
        folder = given.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        made = parameters(name, given.full)
        checkpoint(folder, made, np.random.default_rng(len(stems)))
        described = folder / "parameters.json"
        described.write_text(json.dumps(made))
        for extension in ("zeros", "average"):
            separator = Separator(str(described), multiprocess=False)
            separator._params["mask_extension"] = extension
            result = separator.separate(mix)
            step = 1 if given.full else 61
            np.stack([result[stem][::step] for stem in stems]).astype("<f4").tofile(folder / f"{extension}.f32")
        for needless in ("parameters.json", ".probe", "checkpoint"):
            (folder / needless).unlink(missing_ok=True)
        print(name, sum(file.stat().st_size for file in folder.iterdir()), "bytes")


if __name__ == "__main__":
    main()
