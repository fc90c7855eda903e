"""What the time of day does to surfaces, sky and sensor."""

from __future__ import annotations

from dataclasses import dataclass

from tools.simulator.scenes.paint import Colour


@dataclass(frozen=True)
class Light:
    """Factors on colours as (blue, green, red).

    front: on a vehicle within reach of the gate's floodlight. ground: on ground far from it; pool: added within it.
    reach: how fast a vehicle gets darker with each metre from the gate. plate: retro-reflecting, lit by the camera.
    lamps: strength of the headlamps' glow, 0-1. far: on hills and halls; haze: the colour into which ground fades. noise: standard deviation in grey levels. exposure_s: of one picture.
    """

    front: Colour
    ground: Colour
    pool: float
    reach: float
    plate: float
    lamps: float
    noise: float
    exposure_s: float
    sky_top: Colour
    sky_low: Colour
    far: Colour
    haze: Colour
    shadow: float


LIGHTS_BY_NAME = {
    "day": Light(
        front=(1.0, 1.0, 1.0), ground=(1.0, 1.0, 1.0), pool=0.0, reach=0.0, plate=1.0, lamps=0.0, noise=2.2,
        exposure_s=0.004, sky_top=(206, 178, 148), sky_low=(226, 220, 212), far=(1.0, 1.0, 1.0), haze=(206, 203, 196), shadow=0.62,
    ),
    "dusk": Light(
        front=(0.72, 0.68, 0.74), ground=(0.50, 0.44, 0.48), pool=0.3, reach=0.012, plate=0.84, lamps=0.65, noise=3.4,
        exposure_s=0.008, sky_top=(96, 66, 62), sky_low=(108, 142, 214), far=(0.46, 0.38, 0.42), haze=(84, 78, 92), shadow=0.4,
    ),
    "night": Light(
        front=(0.66, 0.69, 0.72), ground=(0.13, 0.12, 0.12), pool=0.62, reach=0.05, plate=0.92, lamps=1.0, noise=4.6,
        exposure_s=0.012, sky_top=(24, 16, 13), sky_low=(44, 34, 32), far=(0.17, 0.14, 0.14), haze=(30, 25, 24), shadow=0.35,
    ),
}  # fmt: skip
