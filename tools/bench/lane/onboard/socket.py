"""The `socket` module of the bench: one lane's connection to the broker of broker.py, and its question for the time.

A peer can be away (refused), go away (closed), or fall silent. Real streams of asyncio run over these objects.
"""

import io
import struct
import time

AF_INET = 2
SOCK_STREAM = 1
SOCK_DGRAM = 2
_POLL = 3
_CLOSE = 4
_IN, _OUT, _ERR = 1, 4, 8
_NTP_EPOCH = 2208988800
_UTC_S = 1800000000

count = most = 0  # connections that the board holds, and the most at a time
network = None  # the broker; None: nobody listens


def getaddrinfo(host, port, *_):
    return [(AF_INET, SOCK_STREAM, 0, "", (host, port))]


class socket(io.IOBase):
    def __init__(self, _family=AF_INET, kind=SOCK_STREAM, _protocol=0):
        self._is_datagram = kind == SOCK_DGRAM
        self.inbox = bytearray()
        self.is_open = False
        self.is_cut = False

    def setblocking(self, _is_blocking):
        pass

    def connect(self, _address):
        global count, most
        if network is None or not network.accept(self):
            raise OSError(111)
        self.is_open = True
        count += 1
        most = max(most, count)

    def ioctl(self, request, argument):
        if request == _POLL:
            ready = argument & _OUT
            if self.inbox or self.is_cut:
                ready |= argument & _IN
            return ready
        return 0 if request == _CLOSE else -1  # it has no file number: asyncio polls it here

    def read(self, n=-1):
        if not self.inbox:
            if self.is_cut:
                raise OSError(104)
            return None
        n = len(self.inbox) if n < 0 else n
        data = bytes(self.inbox[:n])
        self.inbox = self.inbox[n:]
        return data

    def readinto(self, buffer):
        data = self.read(len(buffer))
        if data is None:
            return None
        buffer[: len(data)] = data
        return len(data)

    def readline(self):
        return self.read()

    def write(self, data):
        if self.is_cut:
            raise OSError(104)
        if network is not None:
            network.hear(self, bytes(data))
        return len(data)

    def sendto(self, data, _address):
        if network is not None:
            ms = time.us // 1000
            answer = bytearray(48)
            answer[0], answer[1] = 0x24, 2
            answer[40:48] = struct.pack("!II", _NTP_EPOCH + _UTC_S + ms // 1000, (ms % 1000) << 22)
            self.inbox = answer
        return len(data)

    def recv(self, n):
        data = self.read(n)
        if data is None:
            raise OSError(11)
        return data

    def close(self):
        global count
        if self.is_open:
            count -= 1
            if network is not None:
                network.gone(self)
        self.is_open = False
        self.is_cut = True
