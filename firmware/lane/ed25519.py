"""Ed25519 verification (RFC 8032, 5.1.7) in slices of one point operation, so that the safety loop keeps its period.

Pure integers; no secret is ever held here, so nothing needs constant time. About 4,200 multiplications modulo p in all, at most
SLICE between two yields. RAM while it runs: about 4 kB.
"""

from lane import sha512

P = (1 << 255) - 19
L = (1 << 252) + 27742317777372353535851937790883648493
D = 37095705934669439343138083508754565189542113879843219016388785533085940283555
ROOT_M1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752
BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
BASE_Y = 46316835694926478169428394003475163141307993866256225615783033603165251855960
SLICE = 12  # multiplications in a slice
IDENTITY = (0, 1, 1, 0)


def _point(x, y):
    return (x, y, 1, x * y % P)


def _add(p, q):
    # extended coordinates, a = -1 (RFC 8032, 5.1.4): 9 multiplications
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _double(p):
    a, b = p[0] * p[0] % P, p[1] * p[1] % P
    c = 2 * p[2] * p[2] % P
    h = a + b
    e = h - (p[0] + p[1]) * (p[0] + p[1]) % P
    g = a - b
    f = c + g
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _power(x, exponent):
    """Slices; returns x ** exponent modulo P."""
    result = 1
    n = 0
    for i in range(254, -1, -1):
        result = result * result % P
        if exponent >> i & 1:
            result = result * x % P
        n += 1
        if n % (SLICE // 2) == 0:
            yield None
    return result


def _decompress(data):
    """Slices; returns (x, y) of a point, or None when there is none."""
    y = int.from_bytes(data, "little")
    sign = y >> 255
    y &= (1 << 255) - 1
    if y >= P:
        return None
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    cube = v * v % P * v % P
    root = yield from _power(cube * cube % P * v % P * u % P, (P - 5) // 8)
    x = u * cube % P * root % P
    check = v * x * x % P
    if check == P - u and u:
        x = x * ROOT_M1 % P
    elif check != u:
        return None
    if x == 0 and sign:
        return None
    return (P - x if x & 1 != sign else x, y)


def verify(public, signature, message):
    """Yields None after each slice of work, then True when `signature` (64 bytes) of `message` is by `public` (32 bytes)."""
    if len(public) != 32 or len(signature) != 64:
        yield False
        return
    s = int.from_bytes(signature[32:], "little")
    if s >= L:
        yield False
        return
    found = yield from _decompress(public)
    if found is None:
        yield False
        return
    digest = yield from sha512.steps(signature[:32] + public + message)
    k = int.from_bytes(digest, "little") % L
    # s B - k A, both together, one bit at a time
    minus_a = _point(P - found[0], found[1])
    base = _point(BASE_X, BASE_Y)
    both = _add(base, minus_a)
    r = IDENTITY
    for i in range(252, -1, -1):
        r = _double(r)
        yield None
        q = (None, base, minus_a, both)[(s >> i & 1) | (k >> i & 1) << 1]
        if q is not None:
            r = _add(r, q)
            yield None
    inverse = yield from _power(r[2], P - 2)
    x, y = r[0] * inverse % P, r[1] * inverse % P
    yield (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]
