"""What every way to start shares: what is refused with a sentence, the clocks, the keys, the log."""

from __future__ import annotations

import logging
import sys

import structlog

from gateway.adapters.broker import serve
from gateway.adapters.broker.pki import KeyFileError, SiteKeys, ensure_site_keys
from gateway.adapters.store.connection import StoreRefused
from gateway.adapters.uplink.profile import ProfileError
from gateway.adapters.uplink.signing import KeyRefused
from gateway.adapters.web.server import ConsolePortUnusable
from gateway.config import ConfigRefused, Settings
from gateway.domain import framing, plausibility
from gateway.domain.policy_pack import PackRefused
from gateway.domain.retention import RetentionRefused
from gateway.domain.vehicles import VehicleRefused
from gateway.services.misuse import FiguresRefused

REFUSALS = (
    ConfigRefused, StoreRefused, PackRefused, ProfileError, KeyRefused, KeyFileError, ConsolePortUnusable,
    serve.BrokerStartError, VehicleRefused, RetentionRefused,
    FiguresRefused, framing.FiguresRefused, plausibility.FiguresRefused,
)  # fmt: skip


def refuse(what: str, why: object) -> int:
    print(f"{what}:\n{why}", file=sys.stderr)
    return 2


def keys_of(settings: Settings) -> SiteKeys:
    return ensure_site_keys(settings.site.data_dir / "keys", site_code=settings.site.enterprise_code,
                            lanes=[lane.id for lane in settings.lanes])  # fmt: skip


def set_up_logging() -> None:
    """key=value lines on stderr after a fixed phrase; other packages' loggers only from warning on."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%dT%H:%M:%S.%fZ", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
