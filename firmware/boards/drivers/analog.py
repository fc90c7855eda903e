"""Supply voltage and temperature of a board. Read at rest, a few times a minute."""

from machine import ADC, Pin


class Analog:
    def __init__(self, table):
        self._supply = None
        self._full_mv = 0
        label = table.ADC["supply"]
        if label is not None:
            _kind, _way, pin, _bit, self._full_mv = table.TERMINALS[label]
            self._supply = ADC(Pin(pin))
            if table.MACHINE[0].endswith("ESP32"):
                self._supply.atten(ADC.ATTN_11DB)
        self._temperature = table.ADC["temperature"]
        self._sensor = ADC(ADC.CORE_TEMP) if self._temperature == "rp2" else None

    def supply_mv(self):
        """Millivolts at the supply, or None where the board cannot measure it."""
        return None if self._supply is None else self._supply.read_u16() * self._full_mv // 65535

    def temperature_dc(self):
        """Tenths of a degree Celsius of the processor, or None where it has no usable sensor."""
        if self._temperature == "esp32":
            import esp32  # pyright: ignore[reportMissingImports] (the other port)

            return esp32.mcu_temperature() * 10  # pyright: ignore[reportAttributeAccessIssue] (ESP32-S3 only)
        if self._sensor is not None:
            microvolts = self._sensor.read_u16() * 3300000 // 65535
            return (
                270 - (microvolts - 706000) * 10 // 1721
            )  # RP2040 data sheet, 4.9.5: 27 degrees at 0.706 V, -1.721 mV each
        return None
