"""The broker's process: checks what it needs, says what is wrong in one sentence, serves until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version

from gateway.adapters.broker import pki
from gateway.adapters.broker.access import Access
from gateway.adapters.broker.hardened import HardenedBroker
from gateway.adapters.broker.pki import SiteKeys

AMQTT_VERSION = "0.12.1"
"""hardened.py replaces private methods of this version; with another one a lock might be missing from the door."""


class BrokerStartError(RuntimeError):
    """The broker cannot start; the text says what is wrong and where."""


def run_broker(
    host: str,
    port: int,
    keys: SiteKeys,
    site: str,
    lanes: Sequence[str],
    *,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve MQTT 3.1.1 over TLS until SIGTERM or SIGINT; returns after an orderly end.

    port: 0 takes a free one. Prints `broker ready port=<port>` on stdout once it listens, then calls on_ready.
    Raises BrokerStartError before that if the address is taken, or a key file is missing or damaged.
    """
    installed = version("amqtt")
    if installed != AMQTT_VERSION:
        raise BrokerStartError(f"amqtt {installed} is installed; the broker is built on {AMQTT_VERSION} exactly")
    context = tls_context(keys)
    access = Access(keys, site, lanes)
    listening = _bind(host, port)
    asyncio.run(_serve(listening, context, access, on_ready))


def tls_context(keys: SiteKeys) -> ssl.SSLContext:
    """TLS 1.2 or newer (the lanes' Mbed TLS has no 1.3), a client certificate of this site's authority required."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    for path in (keys.ca_crt, keys.crt(pki.BROKER), keys.key(pki.BROKER)):
        if not path.exists():
            raise BrokerStartError(
                f"{path}: missing; run the gateway's set-up, or restore the key folder from a backup"
            )
    try:
        context.load_verify_locations(keys.ca_crt)
        context.load_cert_chain(keys.crt(pki.BROKER), keys.key(pki.BROKER))
    except (ssl.SSLError, OSError) as error:
        names = f"{keys.ca_crt.name}, {keys.crt(pki.BROKER).name} and {keys.key(pki.BROKER).name}"
        raise BrokerStartError(f"{keys.folder}: {names} are not a usable set ({error})") from error
    return context


def _bind(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=64)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            what = f"port {port} on {host} is in use by another program; end it or set [broker] port in the site file"
        elif error.errno == errno.EACCES:
            what = f"port {port} on {host} may be opened by root only; set [broker] port to 1024 or more"
        else:
            what = f"cannot listen on {host} port {port}: {error.strerror or error}"
        raise BrokerStartError(what) from error


async def _serve(
    listening: socket.socket, context: ssl.SSLContext, access: Access, on_ready: Callable[[], None]
) -> None:
    logging.getLogger("amqtt").setLevel(logging.ERROR)  # its warnings are told by lvzha.broker, in our words
    logging.getLogger("transitions").setLevel(logging.WARNING)
    broker = HardenedBroker(listening, context, access)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await broker.start()
    print(f"broker ready port={listening.getsockname()[1]}", flush=True)
    on_ready()
    await stopping.wait()
    await broker.shutdown()


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m gateway.adapters.broker.serve --keys DIR --site CODE --lane g1-b01 ...`, without a site file."""
    parser = argparse.ArgumentParser(description="Lvzha's embedded broker")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8883)
    parser.add_argument("--keys", required=True)
    parser.add_argument("--site", required=True)
    parser.add_argument("--lane", action="append", default=[], dest="lanes")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        keys = pki.ensure_site_keys(given.keys, site_code=given.site, lanes=given.lanes)
        run_broker(given.host, given.port, keys, given.site, given.lanes)
    except (BrokerStartError, ValueError) as error:
        print(f"broker cannot start: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
