"""The Xunpeng (讯鹏) count board: one number in one of three colours. No text.

Frame: 3A | colour (00 green, 01 yellow, 02 red) | number (2, LITTLE-endian) | 01 | sum | 0A; sum: low byte of everything
before it. Published vectors: 888 in green is 3A 00 78 03 01 B6 0A, answered by 2A 00 78 03 01 A6 0A. The colour is the
verdict, the number the first one in the text; without a number it is 0.
"""

START, ANSWER, INFO, END = 0x3A, 0x2A, 0x01, 0x0A
COLOURS = {1: 2, 2: 0, 3: 1}  # of lane/sign.py: red, green, yellow
MOST = 65535


def frame(start, colour, number):
    body = bytes((start, colour, number & 0xFF, number >> 8, INFO))
    return body + bytes((sum(body) & 0xFF, END))


def first_number(lines):
    """The first run of digits in the lines (bytes), at most MOST; 0 where there is none."""
    for line in lines:
        number = None
        for byte in line:
            if 48 <= byte <= 57:
                number = min((number or 0) * 10 + byte - 48, MOST)
            elif number is not None:
                break
        if number is not None:
            return number
    return 0


class Card:
    def __init__(self):
        self._answer = b""

    def page(self, lines, colour):
        """The one frame that shows a page (GBK bytes) on a board of digits."""
        number = first_number(lines)
        self._answer = frame(ANSWER, COLOURS[colour], number)
        return [frame(START, COLOURS[colour], number)]

    def is_answer(self, raw):
        return self._answer in raw
