"""Ethernet of the W5500-EVB-Pico: network.WIZNET5K on the pins of its own firmware, INTN among them."""

import network


def make(_place):
    return network.WIZNET5K()  # pyright: ignore[reportAttributeAccessIssue] (the stubs are a Pico's)
