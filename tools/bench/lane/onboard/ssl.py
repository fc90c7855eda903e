"""The `ssl` module of the bench: plain, but a handshake takes the board as long as boards.toml says, in one piece."""

import time

PROTOCOL_TLS_CLIENT = 0
CERT_NONE = 0
CERT_REQUIRED = 2

cost_us = 0
busy = None  # told "handshake"
handshakes = 0


class SSLContext:
    def __init__(self, _protocol):
        self.verify_mode = CERT_REQUIRED

    def load_verify_locations(self, cafile=None, cadata=None):
        pass

    def load_cert_chain(self, _cert, _key):
        pass

    def wrap_socket(self, sock, server_side=False, do_handshake_on_connect=True, server_hostname=None):
        global handshakes
        handshakes += 1
        if busy is not None:
            busy("handshake")
        time.spend(cost_us)
        return sock
