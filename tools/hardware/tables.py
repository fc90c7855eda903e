"""The markdown and CSV of hardware/: board sheets, bill of materials, cables, supply, placement, failures, commissioning."""

from __future__ import annotations

import csv
import io
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from firmware.boards.drivers import fit
from firmware.lane.contract import FAULTS, OUTPUTS, PRESENCE
from firmware.lane.contract import ROLES as INPUT_ROLES
from gateway.domain import commissioning
from gateway.domain.lane_words import FAULTS as FAULT_WORDS
from gateway.domain.lane_words import ROLES as ZH
from tools.flash import sheet as flash_sheet
from tools.flash.provision import Record
from tools.hardware import data, plan
from tools.hardware.power import battery_ah, lasts_min, load_w, loads, needed_ah
from tools.hardware.sheet import PRIMARY

HEAD = f"> **{PRIMARY[0]}**\n>\n> **{PRIMARY[1]}**\n"
MADE = "<!-- 由 python -m tools.hardware 生成，请勿手改。 Made by python -m tools.hardware; do not edit. -->\n"
CHIP_WAYS = {
    "gpio": "引脚 pin",
    "pio": "PIO 状态机 state machine",
    "i2c": "I2C 扩展 expander",
    "rs485": "RS485 模块 module",
    "adc": "模拟 analog",
}


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in rows]) + "\n"


def board(name: str) -> str:
    table, facts = data.board(name), data.ROLES["boards"][name]
    colours = data.ROLES["colours"]
    rows = []
    for role, label, is_nc in data.inputs(table):
        device = data.ROLES["inputs"][role]
        cable = "箱内 panel" if device["cable"] == "panel" else device["cable"]
        rows.append([
            f"{ZH[role]} `{role}`", f"**{label}**", fit.path(table, label) + ("，经光耦 opto" if data.is_bare(table, label) else ""),
            "常闭 NC" if is_nc else "常开 NO", f"{device['device'][0]} {device['device'][1]}", f"`{cable}`", colours["input"][0],
        ])  # fmt: skip
    outs = []
    for role, label in table.OUTPUTS.items():
        fact = data.ROLES["outputs"][role]
        outs.append([
            f"{ZH[role]} `{role}`", f"**{label}**", fit.path(table, label), fact["mark"], f"{fact['load'][0]} {fact['load'][1]}", colours["output"][0],
        ])  # fmt: skip
    missing = [r for r in (*INPUT_ROLES, *OUTPUTS) if r not in table.INPUTS and r not in table.OUTPUTS]
    ways = [CHIP_WAYS[w] for w in CHIP_WAYS if any(t[1] == w for t in table.TERMINALS.values())]
    others = [
        ["供电 supply", f"{facts['supply'][0]} {facts['supply'][1]}", f"F1，{colours['plus'][0]} / {colours['common'][0]}"],
        ["输入公共端 common of inputs", f"{facts['common'][0]} {facts['common'][1]}", colours["common"][0]],
        ["RS485", f"UART{table.RS485['uart']}：TX {table.RS485['tx']}，RX {table.RS485['rx']}，{table.RS485['baud']} 8N1"
         + ("；模块 module + 显示屏 sign" if table.RS485["module"] else "；显示屏 sign"), "`sign`"],
        ["以太网 Ethernet", f"{table.LAN['phy']}，RJ45", "Cat 5e"],
    ]  # fmt: skip
    if (split := data.divider(table)) is not None:
        others.append(
            [
                "24 V 测量 supply reading",
                f"**{split[0]}**，分压 divider R1 : R2 = {split[1]} : 1（满量程 full scale {split[2] / 1000:g} V）；装好后用万用表核对 check with a meter",
                colours["input"][0],
            ]
        )
    limits = [
        f"读入方式 paths: {'、'.join(ways)}",
        "没有端子 no terminal for: " + ("、".join(f"`{r}`" for r in missing) or "—"),
        "空端子 free: " + (", ".join(table.FREE) or "—"),
        f"可用堆 heap {table.HEAP_BYTES // 1024} KiB [assumed]；看门狗最长 longest watchdog {table.WATCHDOG_MAX_MS / 1000:g} s；文件系统 file system {table.FLASH['file_system_bytes'] // 1024} KiB",
        "程序 code: " + ("**须在 ROM（ROMFS 或固化）中，否则堆不够 must lie in ROM (ROMFS or frozen), else the heap is too small**" if table.CODE == "rom" else "普通文件即可 plain files will do"),
        "驱动方式 drive kinds: " + ("、".join(table.DRIVES)),
    ]  # fmt: skip
    polled = [role for role, label, _nc in data.inputs(table) if data.way(table, label) == "rs485"]
    if polled:
        limits.append(
            f"模块上的输入是轮询的（{'、'.join(polled)}），传感器不接模块；消防和停按钮另直接接驱动器，见安全回路图。 "
            "Inputs on the module are polled: no presence sensor is there, and fire and stop also go straight to the drive (safety path)."
        )
    if any(k == "out" for _c, k in table.EXPANDERS.values()):
        limits.append("输出在 I2C 扩展芯片上，处理器复位时保持原状态；固件上电第一步写“全断”。请用 `contact`，或带自身限时的驱动器。 "
                      "Outputs sit behind I2C expanders and keep their state through a reset of the processor; the firmware writes 'all off' first. Use `contact`, or a drive with a run limit of its own.")  # fmt: skip
    if getattr(table, "STOP", None):
        limits.append(
            f"触边 {table.STOP['sensor']} 经 PIO 状态机直接切断降输出 {table.STOP['output']}，不经 Python。 The edge on {table.STOP['sensor']} cuts the closing output {table.STOP['output']} through PIO, without Python."
        )
    cut = [role for role, label, _nc in data.inputs(table) if role in PRESENCE and data.way(table, label) == "gpio"]
    limits.append(
        f"驱动方式 `direct`：{'、'.join(f'`{r}`' for r in cut)} 在引脚中断里切断降输出，不等主循环（{'硬中断' if table.IRQ.get('hard') else '软中断，等 C 调用结束'}）；`contact` 由主循环按停或开。 "
        f"Drive `direct`: {', '.join(f'`{r}`' for r in cut)} cut the closing output in the pin's interrupt, without the loop ({'hard interrupt' if table.IRQ.get('hard') else 'soft interrupt, behind a call in C'}); with `contact` the loop presses stop or open."
    )
    if table.READER:
        limits.append(
            f"串口读卡器或车牌识别头接 **{table.READER['label']}**（3.3 V TTL，`reader_baud`）；这时 `{_role_at(table, table.READER['label'])}` 用 `io` 移到别的端子。 "
            f"A serial tag or plate reader goes on **{table.READER['label']}** (3.3 V TTL, `reader_baud`); then `{_role_at(table, table.READER['label'])}` is moved to another terminal by `io`."
        )
    pictures = "\n".join(
        f"![{alt}](../drawings/{part}-{name}.svg)\n" for part, alt in (("inputs", "输入 inputs"), ("outputs", "输出 outputs"), ("rs485", "RS485"), ("cabinet", "控制箱 cabinet"))
    )  # fmt: skip
    return (
        MADE + f"# {table.TITLE}\n\n{HEAD}\n"
        "端子来自 `firmware/boards/" + name + ".py`；用 `config.json` 的 `io` 移动过的角色以 `lvzha lane io` 为准。针脚均来自公开资料，尚未上台验证。\n"
        "Terminals come from that file; a lane that moved roles with `io` shows its own in `lvzha lane io`. Pins are from public sources and have not been on a bench yet.\n\n"
        "## 输入 Inputs\n\n" + _table(["角色 role", "端子 terminal", "路径 path", "触点 contact", "设备 device", "电缆 cable", "线色 wire"], rows)
        + "\n## 输出 Outputs\n\n" + _table(["角色 role", "端子 terminal", "路径 path", "代号 mark", "负载 load", "线色 wire"], outs)
        + f"\n{facts['limit'][0]}。{facts['limit'][1]}.\n\n## 其余端子 Other terminals\n\n" + _table(["什么 what", "在哪里 where", "线 wire"], others)
        + "\n## 限度 Limits\n\n" + "\n".join(f"* {line}" for line in limits) + "\n\n## 接线图 Diagrams\n\n" + pictures
    )  # fmt: skip


def _role_at(table: Any, label: str) -> str:
    return next(role for role, at, _nc in data.inputs(table) if at == label)


def bill_rows() -> list[dict[str, Any]]:
    return [{
        "id": p["id"], "名称": p["zh"], "name": p["en"], "requirement": p["spec"],
        **{b: p["count"] if b in p.get("boards", data.BOARDS) else 0 for b in data.BOARDS},
    } for p in data.PARTS]  # fmt: skip


def bill_csv() -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(bill_rows()[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(bill_rows())
    return out.getvalue()


def bill() -> str:
    rows = [[f"{r['名称']} {r['name']}", r["requirement"], *(str(r[b]) for b in data.BOARDS)] for r in bill_rows()]
    return (
        MADE + "# 材料表 Bill of materials\n\n" + HEAD + "\n每条车道；只写类型和起决定作用的数值，不写型号。0 = 选配。[assumed] 待核实。同表 `bill-of-materials.csv`。\n"
        "For one lane: types and the figures that decide, no part numbers. 0: option. [assumed] is to be confirmed. The same as CSV beside it.\n\n"
        + _table(["名称 part", "要求 requirement", *(f"`{b}`" for b in data.BOARDS)], rows)
    )  # fmt: skip


def cables() -> str:
    rows = [
        [f"`{k}`", f"{c['from'][0]} {c['from'][1]}", f"{c['to'][0]} {c['to'][1]}", c["type"], f"{c['length_m']}", "是 yes" if c["screen"] else "否 no"]
        for k, c in data.CABLES.items()
    ]  # fmt: skip
    return (
        MADE + "# 电缆表 Cables\n\n" + HEAD + "\n长度按平面图、控制箱在道闸旁 [assumed]，以现场为准。230 V 与 24 V 分管敷设；地感引线不与任何电缆同管。\n"
        "Lengths follow the plan with the cabinet beside the barrier [assumed]; measure the site. 230 V and 24 V in separate ducts; loop feeders share a duct with nothing.\n\n"
        + _table(["代号 mark", "从 from", "到 to", "型式 type", "米 m", "屏蔽 screen"], rows)
        + "\n线色（本项目约定）Colours (choice of this project): "
        + "；".join(f"{kind} {c[0]}" for kind, c in data.ROLES["colours"].items())
        + "。\n\n屏蔽层一律只在控制箱一端接 PE 排。 Screens go to the PE bar at the cabinet only.\n"
    )  # fmt: skip


def supply() -> str:
    ups = data.UPS
    parts = ""
    for name in data.BOARDS:
        watts = load_w(name)
        parts += f"\n### {data.board(name).TITLE}\n\n" + _table(
            ["负载 load", "个 count", "W"],
            [[f"{zh} {en}", str(n), f"{w:.1f}"] for zh, en, n, w in loads(name)]
            + [["**合计 together**", "", f"**{watts:.1f}**"]],
        )
        need = needed_ah(ups["minutes"], name)
        parts += (
            f"\nAh = W × h ÷ V ÷ η ÷ 可用 usable ÷ 老化 ageing = {watts:.1f} × {ups['minutes'] / 60:g} ÷ {ups['volts']} ÷ {ups['efficiency']} ÷ {ups['usable']} ÷ {ups['ageing']}"
            f" = **{need:.2f} Ah** → 2 × 12 V **{battery_ah():g} Ah**，寿命末期低温下 at the end of its life in the cold: **{lasts_min(battery_ah(), name):.0f} min** (≥ {ups['least_minutes']})\n"
        )
    return (
        MADE + "# 供电、防雷、接地、UPS Supply, surge, earthing, UPS\n\n" + HEAD + "\n![供电 supply](drawings/power.svg)\n\n"
        "## 规则 Rules\n\n"
        "* 道闸电机、显示屏、加热不接 UPS；控制器、传感器、声光、交换机接 UPS。断电时闸杆不动，用手打开。 Barrier, sign and heater are not on the UPS; controller, sensors, light, siren and switch are. Without mains the arm stays and opens by hand.\n"
        "* 浪涌保护器在漏电断路器之前，引线总长 ≤ 0.5 m，直接接 PE 排 [assumed, usual practice]。建筑物有避雷针时用 T1+T2。 The surge protector stands before the RCBO, leads ≤ 0.5 m together, straight to the PE bar; T1+T2 where the building has lightning rods.\n"
        "* 出箱超过 10 m 的每对信号线一个信号浪涌保护器 [assumed]；网关方向用光纤。 One signal protector per pair that leaves the cabinet for more than 10 m; fibre towards the gateway.\n"
        "* 接地：控制箱、道闸外壳、立杆、屏蔽层接同一 PE 排，联合接地 ≤ 4 Ω 或按现场规定 [assumed]；0 V 只在一点接 PE；驱动器公共端不接控制器 0 V。 One PE bar for cabinet, barrier case, posts and screens, joint earth ≤ 4 Ω or the site's rule; 0 V meets PE at one point; the drive's common never meets the controller's 0 V.\n"
        "* 继电器线圈的 + 经 K0，上电 3 s 后才有：控制器启动时输出的任何跳动都到不了继电器。 The coils' plus comes over K0, 3 s after the supply: whatever an output does while the board starts reaches no relay.\n"
        "* 立杆在接闪保护范围内 [assumed]；雷雨后先看保护器指示窗。 Posts stand under the protection of a rod; after a storm look at the protectors' windows first.\n"
        "* `power_fail` 来自 K9（或 UPS 的市电触点）：市电一断，固件把循环计数写入闪存。 K9 or the UPS's own contact tells `power_fail`: the firmware then saves the cycle count.\n\n"
        f"## UPS 计算 Worked UPS\n\n要求 ≥ {ups['least_minutes']} min；按 {ups['minutes']} min 选 [project choice]。每项功率 [assumed]，装好后实测电流重算。\n"
        f"Asked: ≥ {ups['least_minutes']} min; sized for {ups['minutes']} min. Each load is [assumed]: measure the current and work it out again.\n"
        + parts + f"\n{commissioning.CHECKS[9].zh} {commissioning.CHECKS[9].en}（`{commissioning.CHECKS[9].id}`）。\n"
    )  # fmt: skip


def placement() -> str:
    low, high = data.PLACES["loops"]["wanted_uh"]
    apart = data.PLACES["loops"]["apart_m"]
    loops = plan.loop_rows()
    rows = [
        [f"{plan.NAMES[str(r['name'])][0]} {plan.NAMES[str(r['name'])][1]}", f"{r['start']:g}", f"{r['end']:g}", f"{float(r['end']) - float(r['start']):g} × {r['across']:.1f}",
         f"{r['around']:.1f}", str(r["turns"]), f"{r['uh']:.0f}", f"{r['height']:.1f}"] for r in loops
    ]  # fmt: skip
    nearest = min(float(b["start"]) - float(a["end"]) for a, b in pairwise(loops))
    aim_low, aim_high = data.PLACES["camera_aim_m"]
    places = data.PLACES
    slot = places["loops"]["slot_mm"]
    return (
        MADE + "# 传感器布置 Placement\n\n" + HEAD + "\n![平面 plan](drawings/plan.svg)\n\n![传感器 sensors](drawings/sensors.svg)\n\n"
        "沿行驶方向的米数，闸杆为 0，来车侧为负；与模拟器用同一份数据（`tools/simulator/geometry.py`）。\n"
        "Metres along the travel, the arm is 0, negative on the side the vehicle comes from; the same figures as the simulator's.\n\n"
        + _table(["地感 loop", "从 from", "到 to", "长×宽 m size", "周长 m around", "匝 turns", "电感 µH", "检测高度 m sees up to"], rows)
        + f"""
* 电感 = 周长(ft) × (n²+n)/4 [public: CPS loop guidelines]；目标 {low}–{high} µH [public: 国内安装规范]，绝不低于 50 µH [public: gateinfo]；检测高度 ≈ 短边的 2/3 [public: CPS]。检测器说明书另有规定时以说明书为准。
  Inductance = perimeter (ft) × (n² + n)/4; wanted {low} to {high} µH, never under 50; height ≈ 2/3 of the shorter side. Where the detector's own manual says otherwise it rules.
* 相邻线圈边距 {nearest:g} m，小于厂家建议的 {apart:g} m [public: loop installation guide]：必须用不同匝数、不同频率，或一台逐路扫描的多路检测器；三根引线分槽。要认出半挂车的空隙，又不丢车，这个间距不能放大（见 geometry.py）。
  Neighbouring loops are {nearest:g} m apart, less than the {apart:g} m that makers advise: different turns and frequencies, or one detector that scans its channels, and a slot of its own for each feeder. The spacing cannot grow without losing vehicles between two loops (geometry.py).
* 引线与线圈同一根线，双绞 ≥ {places["loops"]["twists_per_m"]} 绞/米 [public: Nortech, loop installation guide]，≤ {places["loops"]["feeder_most_m"]} m，越短越灵敏；槽宽 {slot[0]} mm、深 30–{slot[1]} mm，四角切 45° [public: loop installation guide]；距路边 {places["loop_to_edge_m"]:g} m [public: Nortech]；0.5 m 内无井盖和大块金属 [public: 国内安装规范]。
  Loop and feeder are one wire, twisted ≥ {places["loops"]["twists_per_m"]} per metre, ≤ {places["loops"]["feeder_most_m"]} m, the shorter the more sensitive; slot {slot[0]} mm wide, 30 to {slot[1]} mm deep, corners cut at 45°; {places["loop_to_edge_m"]:g} m from the edges; no covers or large metal within 0.5 m.
* 永久存在，绝不用“有限存在”（几分钟后停着的车会消失）；继电器故障安全；ASB 打开（挂车）；频率在检测器允许范围内各不相同（例如 30–130 kHz）[public: D-TEK, Reno, Centurion manuals]。
  Permanent presence, never limited presence (a waiting truck vanishes after minutes); fail-safe relays; ASB on for trailers; frequencies apart and inside the detector's range (30 to 130 kHz for one maker).

## 红外、触边、雷达、光幕 Beam, edge, radar, curtain

* 红外在杆后 {plan.BEAM_M:g} m、离地 0.5 m（试块建议高度 [public: Elbe manual after UNAC guide 2]）；发射器与接收器不在同侧，避开日光直射接收器；不与闸杆同振。The beam is {plan.BEAM_M:g} m behind the arm, 0.5 m high; keep the sun out of the receiver and both off the barrier's vibrating case.
* 触边沿全杆，8k2 电阻在末端；评估继电器双输出。The edge runs along the whole arm, the 8k2 at its end, an evaluation relay with two outputs.
* 雷达装好后学习背景，换物后再学；先证明它看得到人（人步行 1 次、蹲下 1 次）。The radar learns its background after mounting, and again after any change; prove that it sees a person walking and crouching.
* 牵引杆从 0.5 m 的光束下通过：没有光幕时，超过可证明间隙的车用“保持开启”。A draw-bar passes under the beam: without a curtain hold open for rigs beyond the provable gap.

## 可证明的间隙 Provable gap

红外到驶离地感远端 {plan.beam_to_exit_end_mm()} mm，写入 `beam_to_exit_end_mm`（默认 4000）；按固件自己的规则，从最低车速起任何车速都能证明 **{plan.gap_m():.1f} m** 的挂车间隙。布置不同就重新量、重新写；间隙取该距离与 车速 × `clear_ms` 中较大者。
Beam to the far end of the exit loop: {plan.beam_to_exit_end_mm()} mm, to be written into `beam_to_exit_end_mm` (default 4000); by the firmware's own rule this proves a gap of **{plan.gap_m():.1f} m** at any speed from the slowest up. Another layout: measure and write; the gap is the larger of that distance and speed × `clear_ms`.

### 跟车：多近就分不出来 Followers: how near cannot be told apart

| 车速 km/h | {" | ".join(str(v) for v in plan.SPEEDS)} |
|---|{"---|" * len(plan.SPEEDS)}
| 近于此距离（米）必记为同一辆 nearer than this, in m, is one vehicle | {" | ".join(f"{plan.one_vehicle_below_m(v):.1f}" for v in plan.SPEEDS)} |
| 0.5 秒跟车的距离（米）a car 0.5 s behind, in m | {" | ".join(f"{v / 7.2:.1f}" for v in plan.SPEEDS)} |

* 两车之间驶离地感一直有车（要空 {plan.LOOP_CLEAR_MS} ms 才算空），挂车与跟车在每个地感和红外上的信号完全相同，任何规则都分不开。0.5 秒的跟车在闸口车速下总是近于此：记为同一次通行，其间绝不落杆，第二块号牌看照片。
  Nearer than that the exit loop is never free between the two (it must be so for {plan.LOOP_CLEAR_MS} ms): a trailer and a follower give the same signals on every loop and in the beam, and no rule can tell them apart. A car 0.5 s behind is always nearer at a gate's speeds: one pass, nothing closes in between, the photographs show the second plate.
* 更远的按两辆记（`crossing.tailgate`），全挂车的长空隙也会多记一辆“尾随”，由人看照片更正；半挂车不会（空隙上方有车架，地感不断）。仿真 3,750 个序列：6.6 m 起的尾随 258 次认出 256 次。
  Further ones are told as two (`crossing.tailgate`). A draw-bar rig with so long a gap is told as two as well and a person corrects it by the photographs; a semi-trailer is not (its frame keeps the loop held). In 3,750 simulated sequences 256 of 258 tailgaters from 6.6 m on were told.
* 想认出更近的跟车：缩短驶离地感；但可证明的挂车间隙随之变小。按来车选。To tell nearer followers shorten the exit loop; the provable gap shrinks with it. Choose by the traffic.

## 摄像机 Cameras

* 立杆高 {places["camera_height_m"][0]:g}–{places["camera_height_m"][1]:g} m，瞄准点 {aim_low:g}–{aim_high:g} m [public: GateIQ guide, CPS forum]；车头杆在 +{places["head_post_m"]:g} m，瞄准到达地感发现保险杠处，距离 {plan.head_aim_m():.1f} m；快门 ≤ 1/250 s。
  Posts {places["camera_height_m"][0]:g} to {places["camera_height_m"][1]:g} m high, aim point {aim_low:g} to {aim_high:g} m; the head post at +{places["head_post_m"]:g} m looks at the place where the arrival loop sees a bumper, {plan.head_aim_m():.1f} m away; shutter ≤ 1/250 s.
* 两台以上道闸时，道闸编号牌在画面内看得清（S0）。With two or more barriers the barrier's number plate is seen in the picture.
* 车道窄于两辆车，一道闸一车道（S0）；宽 {places["lane_width_m"]:g} m [assumed]。The lane is narrower than two trucks, one barrier each.

## 人 People

“只走车”不是理由：司机会下车，行人会从杆下走。禁止行人标志双面；没有能看到人的探测器的车道，岗亭常显警告。
"Vehicles only" is no defence: drivers step out and people walk under arms. No-pedestrians signs on both faces; a lane without a detector that sees people carries a standing warning at the guard's console.
"""
    )  # fmt: skip


def failures() -> str:
    rows = [
        [
            "故障码 code `" + code + "`",
            f"{FAULT_WORDS[code][0]} {FAULT_WORDS[code][2]}",
            f"{FAULT_WORDS[code][1]} {FAULT_WORDS[code][3]}",
        ]
        for code in FAULTS
    ]
    own = [
        [f"{r['seen'][0]} {r['seen'][1]}", f"{r['means'][0]} {r['means'][1]}", f"{r['do'][0]} {r['do'][1]}"]
        for r in data.toml("failures.toml")["rows"]
    ]
    head = ["看到 seen", "含义 means", "处理 do"]
    return (
        MADE + "# 故障表 Failures\n\n" + HEAD + "\n查故障先断开 Q2 和驱动器端子刀闸；闸杆下不站人。故障码由 `lvzha lane faults g1-b01` 显示。\n"
        "Open Q2 and the drive's knife disconnects first; nobody under the arm. Codes are shown by `lvzha lane faults g1-b01`.\n\n"
        "## 故障码 Fault codes\n\n" + _table(head, rows) + "\n## 没有故障码时 Without a code\n\n" + _table(head, own)
        + "\n显示屏、灯光和控制台文字的含义见 [固件说明](../firmware/README.md)。 What sign, lights and console say: the firmware's README.\n"
    )  # fmt: skip


def how_to() -> str:
    steps = data.toml("howto.toml")
    rows = [
        [str(n), f"{c.zh}<br>{c.en}", c.expected, f"{steps[c.id]['zh']}<br>{steps[c.id]['en']}"]
        for n, c in enumerate(commissioning.CHECKS, 1)
    ]
    return (
        MADE + "# 验收 Commissioning\n\n" + HEAD + "\n空白表格 [commissioning.html](commissioning.html) 打印带到现场；量完在网关上运行 `lvzha commission g1-b01`，十二项全部合格、有姓名和照片才放行，在此之前车道停在维护模式。\n"
        "Print the blank sheet and take it to the lane; then run `lvzha commission g1-b01` at the gateway: only with all twelve passed, named and photographed does the lane leave maintenance mode.\n\n"
        + _table(["#", "检查 check", "要求 expected", "怎么做 how"], rows)
    )  # fmt: skip


def blank_sheet() -> str:
    """The installer's tool's own sheet with nothing filled in."""
    blank = Record("", "", "", "", "", "", "", "", "")
    with tempfile.TemporaryDirectory() as folder:
        return flash_sheet.write(Path(folder) / "sheet.html", blank, None, None).read_text("utf-8")
