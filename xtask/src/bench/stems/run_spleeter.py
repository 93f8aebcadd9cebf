"""Spleeter itself, on one thread, the same song several times: run_spleeter.py SONG DIR TIMES."""
import os
import sys

os.environ.update(MODEL_PATH="pretrained", CUDA_VISIBLE_DEVICES="", OMP_NUM_THREADS="1")

import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)

import soundfile
from spleeter.separator import Separator

separator = Separator("spleeter:2stems", multiprocess=False)
os.makedirs(sys.argv[2], exist_ok=True)
for _ in range(int(sys.argv[3])):
    song, rate = soundfile.read(sys.argv[1], always_2d=True, dtype="float32")
    for name, stem in separator.separate(song).items():
        soundfile.write(f"{sys.argv[2]}/{name}.wav", stem, rate, subtype="PCM_16")
