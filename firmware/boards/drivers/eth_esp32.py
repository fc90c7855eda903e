"""Ethernet of an ESP32 with a LAN8720, or of an ESP32-S3 with a W5500: network.LAN. DHCP begins by itself."""

# The stubs know other ports' parameters of LAN.
# pyright: reportCallIssue=false

import network
from machine import SPI, Pin


def make(place):
    """place: LAN of the board's table. Raises OSError when the controller does not answer."""
    if place["phy"] == "W5500":
        return network.LAN(
            spi=SPI(place["spi"], sck=Pin(place["sck"]), mosi=Pin(place["mosi"]), miso=Pin(place["miso"])),
            phy_type=network.PHY_W5500,
            phy_addr=place["address"],
            cs=Pin(place["cs"]),
            int=Pin(place["int"]),
            reset=Pin(place["reset"]),
        )
    return network.LAN(
        mdc=Pin(place["mdc"]),
        mdio=Pin(place["mdio"]),
        phy_type=network.PHY_LAN8720,
        phy_addr=place["address"],
        ref_clk=Pin(place["ref_clk"]),
        ref_clk_mode=Pin.OUT,
    )
