#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whether a WAV file of 16 bits is a tone: tone.py FILE HZ. Prints its seconds and the part of the energy of
its loudest second that is within 20 Hz of HZ (Goertzel)."""
import math
import struct
import sys
import wave


def energy_at(samples, rate, hz):
    coefficient = 2 * math.cos(2 * math.pi * hz / rate)
    s1 = s2 = 0.0
    for x in samples:
        s1, s2 = x + coefficient * s1 - s2, s1
    return (s1 * s1 + s2 * s2 - coefficient * s1 * s2) * 2 / len(samples)


def main():
    with wave.open(sys.argv[1]) as f:
        rate, raw = f.getframerate(), f.readframes(f.getnframes())
        samples = struct.unpack(f"<{len(raw) // 2}h", raw)[:: f.getnchannels()]
    best = max((samples[i : i + rate] for i in range(0, max(1, len(samples) - rate), rate)),
               key=lambda part: sum(x * x for x in part), default=[])
    total = sum(x * x for x in best)
    # Bins of a second are a hertz wide; what is beside is the tone's own, where its clock is another.
    part = sum(energy_at(best, rate, int(sys.argv[2]) + d) for d in range(-20, 21)) if total else 0
    print(f"{len(samples) / rate:.1f} {part / total if total else 0:.2f}")


main()
