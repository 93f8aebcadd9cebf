"""A song of 38 s of which every stem is known, for measuring how well songs are taken apart: generated.py DIR

Writes vocals.wav, drums.wav, bass.wav, other.wav, accompaniment.wav and mix.wav (44.1 kHz stereo, floats) into DIR. The mix is
the exact sum of the four stems. The same song comes out each time.

Needs fluidsynth, its General MIDI sounds (FluidR3) and espeak-ng. Drums, bass, piano, strings and guitar are General MIDI; the
voice is espeak-ng, sung through the WORLD vocoder onto a melody, centred, with a small reverb of both sides. It repeats every
four bars and its voice is in the middle, which flatters methods that look for just that.
"""
import os
import subprocess
import sys
import tempfile

import numpy as np
import pretty_midi
import pyworld
import scipy.signal
import soundfile

RATE = 44_100
SOUNDFONT = "/usr/share/sounds/sf2/FluidR3_GM.sf2"
BEAT = 60 / 104
BARS = 16
LENGTH = int((BARS * 4 * BEAT + 1.5) * RATE)
CHORDS = [(57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62)]
ROOTS = [33, 29, 36, 31]
LINES = ["morning light is falling slowly down", "over every river every town",
         "carry me along the silver line", "tell me that the evening will be fine"]
MELODY = [(69, 69, 72, 71, 69, 67, 64, 64), (65, 69, 72, 72, 69, 67, 65, 64),
          (67, 67, 64, 67, 72, 71, 67, 64), (62, 67, 71, 71, 74, 72, 71, 67)]
LEVELS_DB = {"vocals": -19, "drums": -21, "bass": -21, "other": -21}


def instrument(program, pan=64, is_drum=False):
    made = pretty_midi.Instrument(program, is_drum=is_drum)
    made.control_changes.append(pretty_midi.ControlChange(10, pan, 0))
    return made


def note(player, pitch, start, length, velocity):
    player.notes.append(pretty_midi.Note(velocity, pitch, start, start + length))


def drums(random):
    kit = instrument(0, is_drum=True)
    for beat in range(BARS * 4):
        start = beat * BEAT
        note(kit, 36 if beat % 2 == 0 else 38, start, .1, 108)
        if beat % 8 == 5:
            note(kit, 36, start + BEAT / 2, .1, 95)
        for half in range(2):
            note(kit, 42, start + half * BEAT / 2, .1, 70 + int(random.integers(0, 20)))
        if beat % 16 == 0:
            note(kit, 49, start, .5, 95)
        if beat % 16 == 15:
            for quarter, pitch in enumerate((45, 45, 43, 41)):
                note(kit, pitch, start + quarter * BEAT / 4, .1, 100)
    return [kit]


def bass():
    player = instrument(33)
    for bar in range(BARS):
        for step, (offset, length) in enumerate([(0, 1.4), (1.5, .4), (2, .9), (3, .9)]):
            note(player, ROOTS[bar % 4] + (0, 0, 7, 0)[step], (bar * 4 + offset) * BEAT, length * BEAT, 100)
    return [player]


def other():
    piano, strings, guitar = instrument(0, 30), instrument(48, 96), instrument(25, 100)
    for bar in range(BARS):
        chord = CHORDS[bar % 4]
        for pitch in chord:
            note(strings, pitch + 12, bar * 4 * BEAT, 4 * BEAT * .98, 55)
            for beat in (0, 1.5, 2.5):
                note(piano, pitch, (bar * 4 + beat) * BEAT, BEAT * .8, 80)
        for eighth in range(8):
            note(guitar, chord[eighth % 3] + 12, (bar * 4 + eighth / 2) * BEAT, BEAT * .45, 75)
    return [piano, strings, guitar]


def render(players, folder):
    """MIDI to stereo samples, (LENGTH, 2)."""
    song = pretty_midi.PrettyMIDI(initial_tempo=60 / BEAT)
    song.instruments.extend(players)
    midi, wav = os.path.join(folder, "part.mid"), os.path.join(folder, "part.wav")
    song.write(midi)
    subprocess.run(["fluidsynth", "-ni", "-q", "-g", "0.8", "-r", str(RATE), "-F", wav, SOUNDFONT, midi], check=True, capture_output=True)
    samples, _ = soundfile.read(wav, always_2d=True)
    return np.pad(samples, ((0, max(0, LENGTH - len(samples))), (0, 0)))[:LENGTH]


def sing(line, pitches, folder):
    """One bar of speech stretched to 3.7 beats and moved onto eight notes."""
    wav = os.path.join(folder, "line.wav")
    subprocess.run(["espeak-ng", "-v", "en-us+f3", "-s", "135", "-w", wav, line], check=True)
    spoken, rate = soundfile.read(wav)
    spoken = scipy.signal.resample_poly(spoken, RATE, rate).astype(np.float64)
    pitch, times = pyworld.harvest(spoken, RATE)
    spectrum, noise = pyworld.cheaptrick(spoken, pitch, times, RATE), pyworld.d4c(spoken, pitch, times, RATE)
    frames = int(3.7 * BEAT / .005)
    at = np.clip(np.arange(frames) * len(pitch) // frames, 0, len(pitch) - 1)
    notes = np.array(pitches)[np.minimum(np.arange(frames) * 8 // frames, 7)]
    hertz = 440 * 2 ** ((notes - 69) / 12) * (1 + .012 * np.sin(2 * np.pi * 5.5 * np.arange(frames) * .005))
    hertz = np.convolve(np.pad(hertz, 6, mode="edge"), np.ones(12) / 12, "same")[6:-6]
    return pyworld.synthesize(np.where(pitch[at] > 0, hertz, 0.), np.ascontiguousarray(spectrum[at]), np.ascontiguousarray(noise[at]), RATE)


def vocals(folder, random):
    dry = np.zeros(LENGTH)
    for bar in range(BARS):
        if bar in (7, 15):
            continue
        sung = sing(LINES[bar % 4], MELODY[bar % 4], folder)
        start = int((bar * 4 * BEAT + .15) * RATE)
        sung = sung[:LENGTH - start]
        dry[start:start + len(sung)] += sung
    dry /= np.abs(dry).max()
    tail = np.exp(-np.arange(int(.9 * RATE)) / (.22 * RATE))
    wet = np.stack([scipy.signal.fftconvolve(dry, tail * random.normal(0, 1, len(tail)))[:LENGTH] for _ in range(2)], 1)
    return np.stack([dry, dry], 1) * .9 + wet / np.abs(wet).max() * .12


def main(out):
    os.makedirs(out, exist_ok=True)
    random = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        stems = {"drums": render(drums(random), folder), "bass": render(bass(), folder),
                 "other": render(other(), folder), "vocals": vocals(folder, random)}
    for name, samples in stems.items():
        stems[name] = samples * 10 ** (LEVELS_DB[name] / 20) / np.sqrt((samples ** 2).mean())
    gain = .89 / np.abs(sum(stems.values())).max()
    stems = {name: samples * gain for name, samples in stems.items()}
    stems["accompaniment"] = stems["drums"] + stems["bass"] + stems["other"]
    stems["mix"] = stems["accompaniment"] + stems["vocals"]
    for name, samples in stems.items():
        soundfile.write(os.path.join(out, f"{name}.wav"), samples.astype(np.float32), RATE, subtype="FLOAT")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
