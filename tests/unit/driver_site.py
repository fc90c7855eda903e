"""A site where drivers register themselves: real ledger, registers, shelf, code reader; the clock is a number."""

from __future__ import annotations

import io
import secrets
from pathlib import Path

import cv2
import numpy as np
import zxingcpp
from PIL import Image

from gateway.adapters.codes.guard_screen import GuardScreen
from gateway.adapters.papers.jpeg import jpeg_size
from gateway.adapters.papers.qr import QrReader
from gateway.adapters.store.driver_shelf import SqliteDriverShelf
from gateway.adapters.store.ledger import SqliteLedger
from gateway.adapters.store.sides import SqliteSides
from gateway.domain.driver_requests import code_terms
from gateway.services.driver_desk import DriverDesk
from gateway.services.driver_requests import DriverRequests
from gateway.services.phone_codes import PhoneCodes
from tests.unit.test_registers import GOOD, Site

PHONE, OTHER_PHONE = "13800005678", "13900001234"
ENTRANCES = {"1": "东门", "2": "南门"}
TYPED = {
    name: GOOD["vehicle"][name]
    for name in ("plate_no", "plate_colour", "emission_stage", "fuel_type", "vin", "engine_no")
}


class DriverSite(Site):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.ledger, self.sides = SqliteLedger(self.file), SqliteSides(self.file)
        self.shelf = SqliteDriverShelf(folder)
        self.screen = GuardScreen(self.clock)
        self.codes = PhoneCodes(self.shelf, self.screen, self.clock, code_terms())
        self.desk = DriverDesk(ledger=self.ledger, sides=self.sides, shelf=self.shelf, codes=self.codes, reader=QrReader(),
                               clock=self.clock, entrances=ENTRANCES, picture_size=jpeg_size)  # fmt: skip
        self.requests = DriverRequests(
            ledger=self.ledger, sides=self.sides, shelf=self.shelf, book=self.book, clock=self.clock
        )

    def close(self) -> None:
        self.shelf.close()
        self.file.close()

    def confirmed(self, phone: str = PHONE) -> str:
        """A session of this phone, by the code that the guard reads out."""
        self.codes.ask(phone, "10.0.0.9")
        return self.codes.confirm(phone, self.screen.waiting()[0].code)

    async def sent(
        self, *, phone: str = PHONE, name: str = "王小明", list_text: str = "", draft: str = "", **change: str
    ) -> str:
        """A request that waits for a clerk; its number."""
        token, draft = self.confirmed(phone), draft or secrets.token_hex(12)
        await self.desk.put_photo(token, draft, "licence", photo())
        if list_text:
            await self.desk.put_photo(token, draft, "list", list_photo(list_text))
        values = {n: v for n, v in (TYPED | change).items() if v}
        await self.desk.send(token, draft, phone, name, "1", values)
        return draft


def photo(width: int = 640, height: int = 400, grey: int = 120) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (grey, grey, grey + 20)).save(out, "JPEG")
    return out.getvalue()


def list_photo(text: str) -> bytes:
    """A sheet with this QR code, photographed straight."""
    code = np.asarray(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode).to_image(scale=8))
    sheet = np.full((1200, 900), 235, np.uint8)
    sheet[300 : 300 + code.shape[0], 200 : 200 + code.shape[1]] = code
    return cv2.imencode(".jpg", sheet)[1].tobytes()
