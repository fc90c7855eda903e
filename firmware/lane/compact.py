"""Journal records as bytes: whole JSON values, each repeated text once per sector. Pure; MicroPython and CPython.

A record is `length, 3 bytes of CRC-32, payload`; a length byte of 0xFF is erased flash. Texts that come again (kinds,
keys, words of the contract) get a number in their sector, so a sector is read without any table of this firmware:
an update that adds words reads what the version before it wrote. A passage of 15 events takes about 270 bytes.
"""

import binascii

HEAD_BYTES = 4  # of a record shorter than LONG
LONG = 0xF0  # from here on two length bytes
MAX_PAYLOAD = 1536  # a contract message of 1 KiB always fits
WORD_BYTES = 24  # longer texts (ids, reasons) are not numbered
WORDS = 192

_NULL, _FALSE, _TRUE, _INT, _NEGATIVE, _TEXT, _WORD, _LIST, _OBJECT = range(9)
_SMALL = 0x10  # 0 to 47
_KNOWN = 0x40  # number of a word


def put_int(out, n):
    """Append an integer >= 0, seven bits a byte."""
    while n > 127:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)


def take_int(data, at):
    """(integer, place after it)."""
    n = shift = 0
    while True:
        byte = data[at]
        at += 1
        n |= (byte & 0x7F) << shift
        if byte < 128:
            return n, at
        shift += 7


def put_value(out, value, words):
    """Append a JSON value. words: text -> number of this sector; new ones are added."""
    kind = type(value)
    if value is None:
        out.append(_NULL)
    elif kind is bool:
        out.append(_TRUE if value else _FALSE)
    elif kind is int:
        if 0 <= value < 48:
            out.append(_SMALL + value)
        else:
            out.append(_INT if value >= 0 else _NEGATIVE)
            put_int(out, value if value >= 0 else -1 - value)
    elif kind is str:
        known = words.get(value)
        if known is not None:
            out.append(_KNOWN + known)
            return
        raw = value.encode()
        is_word = len(raw) <= WORD_BYTES and len(words) < WORDS
        if is_word:
            words[value] = len(words)
        out.append(_WORD if is_word else _TEXT)
        put_int(out, len(raw))
        out.extend(raw)
    elif kind is list:
        out.append(_LIST)
        put_int(out, len(value))
        for item in value:
            put_value(out, item, words)
    else:
        out.append(_OBJECT)
        put_int(out, len(value))
        for key in value:
            put_value(out, key, words)
            put_value(out, value[key], words)


def take_value(data, at, words):
    """(value, place after it). words: list of this sector's texts; new ones are appended."""
    tag = data[at]
    at += 1
    if tag >= _KNOWN:
        return words[tag - _KNOWN], at
    if tag >= _SMALL:
        return tag - _SMALL, at
    if tag == _NULL:
        return None, at
    if tag <= _TRUE:
        return tag == _TRUE, at
    n, at = take_int(data, at)
    if tag == _INT:
        return n, at
    if tag == _NEGATIVE:
        return -1 - n, at
    if tag <= _WORD:
        text = bytes(data[at : at + n]).decode()
        if tag == _WORD:
            words.append(text)
        return text, at + n
    if tag == _LIST:
        items = []
        for _ in range(n):
            item, at = take_value(data, at, words)
            items.append(item)
        return items, at
    found = {}
    for _ in range(n):
        key, at = take_value(data, at, words)
        found[key], at = take_value(data, at, words)
    return found, at


def _check(payload):
    return binascii.crc32(payload) & 0xFFFFFF


def frame(payload):
    """A payload (bytearray) as a record."""
    n = len(payload)
    out = bytearray()
    if n < LONG:
        out.append(n)
    else:
        out.append(LONG + (n >> 8))
        out.append(n & 0xFF)
    crc = _check(payload)
    out.append(crc >> 16)
    out.append(crc >> 8 & 0xFF)
    out.append(crc & 0xFF)
    out.extend(payload)
    return out


def unframe(data, at, end):
    """(payload, place after it) of the record at `at`, or (None, at): erased, torn, or not whole before `end`."""
    if end - at < HEAD_BYTES or data[at] == 0xFF:
        return None, at
    n, body = data[at], at + 1
    if n >= LONG:
        n = (n - LONG) << 8 | data[body]
        body += 1
    body += 3
    if body + n > end:
        return None, at
    payload = bytes(data[body : body + n])
    crc = _check(payload)
    if data[body - 3] != crc >> 16 or data[body - 2] != crc >> 8 & 0xFF or data[body - 1] != crc & 0xFF:
        return None, at
    return payload, body + n
