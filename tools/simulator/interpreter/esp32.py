"""The `esp32` module of a real board's twin: the temperature sensor of an ESP32-S3."""

from sim_wiring import wiring

if wiring is None or wiring.facts["port"][:5] != "esp32":
    raise ImportError("no module named 'esp32'")

if wiring.facts["port"] == "esp32s3":

    def mcu_temperature():
        return 41
