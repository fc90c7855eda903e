"""Every kind of sequence with its weight."""

from plays_orders import kind_orders, kind_silence, kind_time_jump
from plays_people import kind_cyclist, kind_fire, kind_hold_to_run, kind_pedestrian, kind_twice, kind_under_at_boot
from plays_troubles import kind_dip, kind_handshake, kind_hang, kind_reset, kind_sensor_fault
from plays_vehicles import (
    kind_backs_before,
    kind_backs_in,
    kind_drawbar,
    kind_follow_on,
    kind_lowbed,
    kind_overlong,
    kind_rigid,
    kind_semi,
    kind_slow_rig,
    kind_tailgater,
    kind_wrong_way,
)

KINDS = (
    (kind_rigid, 8),
    (kind_semi, 8),
    (kind_drawbar, 8),
    (kind_slow_rig, 4),
    (kind_lowbed, 4),
    (kind_overlong, 3),
    (kind_follow_on, 6),
    (kind_tailgater, 8),
    (kind_pedestrian, 8),
    (kind_cyclist, 5),
    (kind_twice, 4),
    (kind_backs_before, 4),
    (kind_backs_in, 4),
    (kind_wrong_way, 4),
    (kind_under_at_boot, 3),
    (kind_sensor_fault, 8),
    (kind_dip, 5),
    (kind_reset, 4),
    (kind_hang, 1),
    (kind_orders, 6),
    (kind_time_jump, 2),
    (kind_silence, 3),
    (kind_fire, 4),
    (kind_handshake, 2),
    (kind_hold_to_run, 3),
)
