"""SHA-512 (FIPS 180-4) in slices: MicroPython's hashlib has none, and Ed25519 needs it. RAM while it runs: about 6 kB.

The constants are computed, not tabled: the first 64 bits of the fractions of square and cube roots of the primes (FIPS
180-4, 4.2.3 and 5.3.5).
"""

_MASK = (1 << 64) - 1
ROUNDS_PER_SLICE = 4


def _root(n, k):
    # the integer k-th root of n, below 2**70, by bisection
    low, high = 0, 1 << 70
    while high - low > 1:
        middle = (low + high) >> 1
        if middle**k <= n:
            low = middle
        else:
            high = middle
    return low


def _primes(count):
    found = []
    n = 2
    while len(found) < count:
        if all([n % p for p in found]):
            found.append(n)
        n += 1
    return found


def _rotate(x, n):
    return (x >> n | x << (64 - n)) & _MASK


def steps(data):
    """Slices of work; returns the digest, 64 bytes."""
    primes = _primes(80)
    state = []
    for p in primes[:8]:
        state.append(_root(p << 128, 2) & _MASK)
        yield None
    constants = []
    for p in primes:
        constants.append(_root(p << 192, 3) & _MASK)
        yield None
    length = len(data)
    padded = data + b"\x80" + bytes((111 - length) % 128 + 8) + (length * 8).to_bytes(8, "big")
    for start in range(0, len(padded), 128):
        w = [int.from_bytes(padded[start + 8 * i : start + 8 * i + 8], "big") for i in range(16)]
        a, b, c, d, e, f, g, h = state
        for i in range(80):
            if i >= 16:
                x, y = w[i - 15], w[i - 2]
                x = _rotate(x, 1) ^ _rotate(x, 8) ^ x >> 7
                y = _rotate(y, 19) ^ _rotate(y, 61) ^ y >> 6
                w.append((w[i - 16] + x + w[i - 7] + y) & _MASK)
            t = h + (_rotate(e, 14) ^ _rotate(e, 18) ^ _rotate(e, 41)) + (e & f ^ (_MASK ^ e) & g) + constants[i] + w[i]
            s = (_rotate(a, 28) ^ _rotate(a, 34) ^ _rotate(a, 39)) + (a & b ^ a & c ^ b & c)
            a, b, c, d, e, f, g, h = (t + s) & _MASK, a, b, c, (d + t) & _MASK, e, f, g
            if i % ROUNDS_PER_SLICE == ROUNDS_PER_SLICE - 1:
                yield None
        state = [(x + y) & _MASK for x, y in zip(state, (a, b, c, d, e, f, g, h))]
    return b"".join([x.to_bytes(8, "big") for x in state])
