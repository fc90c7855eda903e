"""What the services need from the world outside, as Protocols, one file for each subject.

Adapters implement these; app.py joins them. Nothing here does anything.
"""

from gateway.services.ports.cameras import CameraHealth, Frame, Frames, Photographs, PlateReader, ReaderUnavailable
from gateway.services.ports.changes import (
    Change,
    CommandResultRow,
    CommandRow,
    LaneEventRow,
    LedgerUnavailable,
    NewEntry,
    NewUpload,
    PhotoRow,
)
from gateway.services.ports.clock import Clock
from gateway.services.ports.evidence import Heads, PersonalData, Retention
from gateway.services.ports.lanes import LaneConfigs, LaneLink, LaneMessage
from gateway.services.ports.ledger import Ledger, LedgerFacts, PassFacts, Queries, Registers, Sides, Visits
from gateway.services.ports.uplink import Outbox, OutboxRow, Receipt, Regulator, Step, UploadQueue

__all__ = [
    "CameraHealth",
    "Change",
    "Clock",
    "CommandResultRow",
    "CommandRow",
    "Frame",
    "Frames",
    "Heads",
    "LaneConfigs",
    "LaneEventRow",
    "LaneLink",
    "LaneMessage",
    "Ledger",
    "LedgerFacts",
    "LedgerUnavailable",
    "NewEntry",
    "NewUpload",
    "Outbox",
    "OutboxRow",
    "PassFacts",
    "PersonalData",
    "PhotoRow",
    "Photographs",
    "PlateReader",
    "Queries",
    "ReaderUnavailable",
    "Receipt",
    "Registers",
    "Regulator",
    "Retention",
    "Sides",
    "Step",
    "UploadQueue",
    "Visits",
]
