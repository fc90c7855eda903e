"""What is wrong with the cameras, told and taken back: a stream under the smallest picture, none at all, a frozen one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.services.conditions import Conditions
from gateway.services.ports import CameraHealth


def tell_cameras(conditions: Conditions, health: Mapping[str, CameraHealth], name_of: Callable[[str], str]) -> None:
    """Raise or clear the alarms of every camera; call it at least once a minute (HJ 1321: resolution; S0-51: 60 s).

    health: camera code -> what is known of its stream now. name_of: the camera's name for people.
    """
    for code, now in health.items():
        name = name_of(code)
        if now.refused:
            conditions.raise_(f"camera.refused.{code}", "alarm", f"摄像头 {name} 码流不合格：{now.refused}",
                              f"camera {name}: stream refused: {now.refused}")  # fmt: skip
        else:
            conditions.clear(f"camera.refused.{code}")
        if not now.is_online or now.is_frozen:
            conditions.raise_(f"camera.offline.{code}", "alarm", f"摄像头 {name} {'画面冻结' if now.is_frozen else '无画面'}",
                              f"camera {name}: {'frozen' if now.is_frozen else 'no frames'}")  # fmt: skip
        else:
            conditions.clear(f"camera.offline.{code}")
