"""The reference regulator: a supervising platform for tests and demonstrations.

python -m tools.regulator --make-keys DIR
python -m tools.regulator --data DIR --port P --enterprise-key enterprise.pub --platform-key platform.key --seed FILE
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn

from tools.regulator.faults import Faults
from tools.regulator.platform import Platform, Settings
from tools.regulator.rsa2 import make_keys, read_private_key, read_public_key
from tools.regulator.storage import Storage
from tools.regulator.views import Views
from tools.regulator.web import make_app


def main(arguments: list[str] | None = None) -> int:
    """Serve until ended; 0 after --make-keys, 2 for an argument that cannot be used."""
    options = _parser().parse_args(arguments)
    if options.make_keys:
        for path in make_keys(options.make_keys):
            print(path)
        return 0
    try:
        return _serve(options)
    except ValueError as error:
        print(f"regulator: {error}", file=sys.stderr)
        return 2


def _serve(options: argparse.Namespace) -> int:
    for name in ("data", "enterprise_key", "platform_key"):
        if getattr(options, name) is None:
            raise ValueError(f"--{name.replace('_', '-')} is required")
    seed = _read_seed(options.seed) if options.seed else {}
    codes = frozenset(options.enterprise_code or ([str(seed["enterprise"]["enterpriseCode"])] if seed else []))
    if not codes:
        raise ValueError("which enterprise is registered? give --enterprise-code or --seed")
    width_px, _, height_px = options.min_head_photo.partition("x")
    settings = Settings(
        enterprise_codes=codes,
        app_id=options.app_id,
        token_lifetime_s=options.token_lifetime_s,
        heartbeat_s=options.heartbeat_s,
        min_head_px=(int(width_px), int(height_px)),
    )
    storage, faults = Storage(options.data), Faults()
    platform = Platform(
        storage,
        faults,
        settings=settings,
        enterprise_key=read_public_key(options.enterprise_key),
        platform_key=read_private_key(options.platform_key),
    )
    if seed:
        platform.seed(seed)
    app = make_app(platform, faults, Views(storage, codes))
    listener = socket.create_server((options.host, options.port))
    # Connections live longer than the 60 s between two heartbeats.
    config = uvicorn.Config(
        app, log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=2, timeout_keep_alive=75
    )
    print(f"regulator ready http://{options.host}:{listener.getsockname()[1]}/", flush=True)
    uvicorn.Server(config).run(sockets=[listener])
    storage.close()
    return 0


def _read_seed(path: Path) -> dict[str, Any]:
    try:
        seed = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(seed["enterprise"]["enterpriseCode"], str):
            raise TypeError
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(f"--seed {path}: {error}") from error
    except (KeyError, TypeError) as error:
        raise ValueError(f'--seed {path}: {{"enterprise": {{"enterpriseCode": "…"}}}} expected') from error
    return seed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.regulator", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--make-keys", type=Path, metavar="DIR", help="write both RSA key pairs (mode 0600) and end")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of regulator.sqlite3")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 = any free one, printed")
    parser.add_argument("--enterprise-key", type=Path, metavar="FILE", help="the enterprise's public key, PEM")
    parser.add_argument("--platform-key", type=Path, metavar="FILE", help="the platform's private key, PEM")
    parser.add_argument("--seed", type=Path, metavar="FILE", help="JSON: enterprise, barriers, cameras in wire words")
    parser.add_argument("--enterprise-code", action="append", help="a registered enterprise; default: the seed's")
    parser.add_argument("--app-id", default="", help="the registered application; default: any")
    parser.add_argument("--token-lifetime-s", type=int, default=7200)
    parser.add_argument("--heartbeat-s", type=int, default=60, help="nextIntervalSec of the heartbeat's answer")
    parser.add_argument("--min-head-photo", default="1280x720", metavar="WxH", help="smallest head photograph, pixels")
    return parser


if __name__ == "__main__":
    sys.exit(main())
