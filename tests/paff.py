"""Writes H.264 whose frames are coded as two fields each, which ffmpeg cannot.

Every field is a picture of its own: the first of a key frame all I_PCM, each
other one a copy of the field before it with one macroblock of noise.
"""

import random
import re

WIDTH, HEIGHT = 6, 6  # macroblocks of a frame
FIELD = WIDTH * HEIGHT // 2
I_PCM = 25


class Bits:
    def __init__(self) -> None:
        self.text = ""

    def u(self, value: int, count: int) -> "Bits":
        self.text += f"{value:0{count}b}"
        return self

    def ue(self, *values: int) -> "Bits":
        """Exp-Golomb codes, unsigned."""
        for value in values:
            code = f"{value + 1:b}"
            self.text += "0" * (len(code) - 1) + code
        return self

    def pcm(self, source: random.Random) -> "Bits":
        self.text += "0" * (-len(self.text) % 8)
        samples = bytes(source.choices(range(16, 236), k=384))
        return self.u(int.from_bytes(samples, "big"), 384 * 8)

    def unit(self, header: int) -> bytes:
        """The NAL unit with its start code."""
        text = self.text + "1"
        text += "0" * (-len(text) % 8)
        body = int(text, 2).to_bytes(len(text) // 8, "big")
        body = re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", body)
        return b"\0\0\0\1" + bytes([header]) + body


def headers() -> bytes:
    """Main profile, level 3; order by its lowest 8 bits; fields allowed."""
    sps = Bits().u(77, 8).u(0, 8).u(30, 8).ue(0, 0, 0, 4, 1).u(0, 1)
    sps.ue(WIDTH - 1, HEIGHT // 2 - 1).u(0, 1).u(0, 1).u(1, 1).u(0, 1).u(0, 1)
    pps = Bits().ue(0, 0).u(0, 2).ue(0, 0, 0).u(0, 3).ue(0, 0, 0).u(0b100, 3)
    return sps.unit(0x67) + pps.unit(0x68)


def field(number: int, since_key: int, bottom: int, source: random.Random) -> bytes:
    key = since_key == 0 and not bottom
    bits = Bits().ue(0, 7 if key else 5, 0).u(since_key % 16, 4).u(1, 1).u(bottom, 1)
    if key:
        bits.ue(number % 2)
    bits.u((2 * since_key + bottom) % 256, 8)
    bits.u(0, 2)  # P: as many references as the PPS says, in their order; IDR: plain
    if not key:
        bits.u(0, 1)
    bits.ue(0, 1)  # no change of QP, no deblocking
    if key:
        for _ in range(FIELD):
            bits.ue(I_PCM).pcm(source)
        return bits.unit(0x65)
    at = source.randrange(FIELD)
    bits.ue(at, 5 + I_PCM).pcm(source)
    if at < FIELD - 1:
        bits.ue(FIELD - 1 - at)
    return bits.unit(0x61)


def paff(frames: int = 40, gop: int = 15, unpaired: int = -1) -> bytes:
    """Annex B; the frame `unpaired` has only its first field."""
    source = random.Random(1)
    data = []
    for number in range(frames):
        if number % gop == 0:
            data.append(headers())
        for bottom in range(1 if number == unpaired else 2):
            data.append(field(number, number % gop, bottom, source))
    return b"".join(data)
