"""The canonical records of the uplink: what an outbox row's `record` holds before a profile turns it into wire words.

Canonical names are snake_case and follow the ledger (HJ 1321-2023 table C.3 as laid out in the domain specification,
7.1); every code is the canonical string of its code table. A profile (profiles/*.toml) renames, formats, looks codes
up and refuses what it cannot say. Two facts are not part of the record and come from the outbox row itself:
`upload_at_ms` (uploadTime) and `is_backfill` (isBackfill).

Empty: `None` or a key that is not there means "not known" and is left out of the message; an empty string is sent
as an empty string where the profile allows one.

Which fields must be there depends on the control result (domain specification 8.18): results 1 (refused) and 3
(waiting for a person) need the fields marked [A]; results 0, 2 and 4 of an entry also need those marked [V].
A record that lacks one is not sent and not dropped: its row is parked and the reason names the field.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypedDict

PLATE_UNREAD: Final = "未识别"
"""plate_no of a vehicle whose plate could not be read; its plate_colour is then "5"."""

OPS: Final = ("inOutRecord", "enterprise", "barrierInfo", "cameraInfo")
"""Operations an outbox row may name (`OutboxRow.op`). Heartbeats and tokens never pass through the outbox."""


class PassageRecord(TypedDict, total=False):
    """One entry or exit: `OutboxRow.op` "inOutRecord", `OutboxRow.key` = record_no."""

    record_no: (
        str  # [A] <= 46 characters: enterprise + entrance + barrier + yyyyMMddHHmmssSSS (UTC+8) + 3-digit counter
    )
    rev: int  # [A] from 1; 2 and up replace (late goods, late photograph, correction)
    visit_id: str  # [A] <= 50 characters; pairs entry and exit
    platform_visit_id: str | None  # the platform's own visit id from the entry's receipt, echoed on the exit
    passage_state: Literal["1", "2"]  # [A] 8.5: 1 in, 2 out
    entrance_code: str  # [A] 1 character
    barrier_code: str  # [A] <= 3 characters
    camera_code: str | None  # <= 15 characters; the head camera
    pass_time_ms: int  # [A] UTC ms: arrival at the lane, corrected for the lane's clock
    closed_at_ms: int | None  # UTC ms at which the passage closed; not sent; decides what is a back-fill
    plate_no: str  # [A] normal form (9.1), or PLATE_UNREAD
    plate_colour: str  # [A] 8.1
    vehicle_type: str | None  # [V] 8.2, GA/T 16.4, 3 characters
    vin: str | None  # [V] 17 characters without I, O, Q
    register_date: str | None  # [V] yyyy-MM-dd
    vehicle_model: str | None  # [V] <= 100 characters
    engine_model: str | None  # [V] <= 50 characters; pure electric: the motor's, or "无"
    engine_maker: str | None  # [V] <= 100 characters; as above
    engine_no: str | None  # [V] <= 50 characters; as above
    fuel_type: str | None  # [V] 8.4
    emission_stage: str | None  # [V] 8.3
    network_status: str | None  # [V] 8.6; "2" (does not apply) and "X" (not known) are sent as the profile says
    use_nature: str | None  # [V] 8.7
    fleet_name: str | None  # [V] <= 100 characters; "个体" when there is none
    driver_name: str | None  # <= 50 characters
    driver_phone: str | None  # <= 20 characters
    goods_name: str | None  # <= 20 characters; "空车" when empty
    quantity: str | None  # tonnes as decimal text, "0" to "200", for example "31.46"
    control_result: str  # [A] 8.11
    violates_policy: bool  # [A]
    violation_reason: str  # <= 200 characters; must not be empty when the control result is 1
    barrier_action: str  # [A] 8.13 with 0 = not raised
    policy_id: str | None  # <= 50 characters; the policy in force at pass_time_ms
    policy_version: int | None
    response_level: str | None  # 8.8
    head_photo: str  # [A] path relative to the data directory, or "" when missing (sent as photoMissing "1")
    body_photo: str  # [A] as head_photo
    record_source: Literal["auto", "manual", "paper"]  # [A]


class EnterpriseRecord(TypedDict, total=False):
    """The enterprise itself (domain specification 6.1); lengths as there."""

    rev: int
    enterprise_name: str
    uscc: str
    industry_type: str
    performance_grade: str
    division_code: str
    address: str
    longitude: str
    latitude: str
    legal_person: str | None
    principal: str
    principal_phone: str
    contact: str
    contact_phone: str
    operator_unit: str
    operator_head: str
    operator_phone: str
    entrance_count: int
    barrier_count: int
    vehicle_count: int
    in_plant_vehicle_count: int
    nonroad_count: int


class BarrierRecord(TypedDict, total=False):
    """One barrier, that is one lane (domain specification 6.2)."""

    rev: int
    entrance_code: str
    barrier_code: str
    barrier_name: str
    barrier_address: str
    direction: Literal["1", "2"]
    longitude: str
    latitude: str
    principal: str
    principal_phone: str
    operator_unit: str
    operator_contact: str
    operator_phone: str


class CameraRecord(TypedDict, total=False):
    """One camera with the view-only account the regulator may use (domain specification 6.3). Never logged."""

    rev: int
    camera_code: str
    camera_name: str
    entrance_code: str
    barrier_code: str
    direction: Literal["1", "2"]
    ip: str
    port: int
    username: str
    password: str
    live_url: str
    playback_url: str
    gb28181_id: str | None
    vendor: str | None
    model: str | None
    resolution: str


class SiteStatus(TypedDict, total=False):
    """What a heartbeat says; the dict that the relay's status_provider gives. `send_time` is set by the client."""

    status: int  # 1 working, 0 degraded; left out = 1
    soft_version: str
    uptime_s: int
    buffered_count: int  # rows not yet accepted
    today_generated: int
    today_accepted: int
    barriers: list[dict[str, Any]]  # {"barrier_code": str, "online": bool}
    cameras: list[dict[str, Any]]  # {"camera_code": str, "online": bool}
    disk_free_percent: int
    ledger_head: str  # "seq:hash" of the newest signed end of the ledger's chain, "" before there is one
    clock_state: str  # synced | unsynced | stepping ... free word of the gateway, <= 20 characters
