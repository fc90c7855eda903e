"""What the lane's codes mean to a person, in Chinese and English: reasons, faults, states. The one place for these sentences.

Codes are those of the lane contract (firmware/lane/words.py); a test keeps both lists equal.
"""

from __future__ import annotations

# Why an order or a question was refused, expired or failed.
REASONS: dict[str, tuple[str, str]] = {
    "malformed": ("指令格式不符合协议", "the order does not keep the lane contract"),
    "retained": ("保留消息不执行", "a retained message is never carried out"),
    "boot.other": ("控制器已重启，指令属于上一次启动", "the controller has restarted since; order again"),
    "id.repeated": ("该任务编号已用过，不重复执行", "this job was taken already and is not done twice"),
    "deadline.passed": ("指令到达时已过期", "the order arrived after its deadline"),
    "deadline.far": ("指令期限过远", "the order's deadline is too far ahead"),
    "pass.none": ("闸口没有车辆", "no vehicle is at the arm"),
    "pass.other": ("闸口车辆已不是该车", "another vehicle is at the arm now"),
    "why.missing": ("缺少原因", "a reason is needed"),
    "mode.manual": ("手动模式下不接受自动抬杆", "in manual mode only people raise the arm"),
    "mode.maintenance": ("维护模式下不接受远程动作", "in maintenance mode the arm is moved at the lane only"),
    "state.unknown": ("闸杆位置未知，先抬杆", "the arm's position is unknown; raise it first"),
    "fault": ("闸机有故障，先排除", "the barrier has a fault; clear it first"),
    "held_open": ("有人要求保持开启，先解除", "somebody holds the arm open; release it first"),
    "fire": ("消防输入有效", "the fire input is on"),
    "not_clear": ("闸下或红外、触边处有障碍", "something is under the arm or in a sensor"),
    "input.unhealthy": ("有防砸传感器故障", "a presence sensor is not healthy"),
    "input.untested": ("防砸传感器本次未通过自检", "a presence sensor has not passed its test in this cycle"),
    "means.missing": ("防夹措施不足两类，只能点动", "fewer than two means against entrapment: hold-to-run only"),
    "moving": ("闸杆正在运动，停稳后再试", "the arm is moving; try again when it rests"),
    "memory.low": ("控制器内存不足", "the controller is short of memory"),
    "unsupported": ("此控制器没有该功能", "this controller has no such part"),
    "loop.healthy": ("到达地感正常，不接受摄像头代报", "the arrival loop works; the camera does not replace it"),
    "occupied": ("有车辆在通行中", "a vehicle is at the arm or waits"),
    "at_lane_only": ("此故障只能在现场清除：长按停止键 3 秒", "cleared at the lane only: hold the stop button for 3 s"),
    "no_fault": ("没有这个故障", "there is no such fault now"),
    "not_commissioned": ("尚未完成力值、传感器等验收试验", "the commissioning tests are not on record"),
    "obstruction": ("落杆时遇到障碍，已反向", "an obstruction while closing; the arm went up again"),
    "travel.timeout": ("运动超时，未到限位", "the limit was not reached in time"),
    "forced": ("闸杆被外力移动", "the arm was moved by force"),
    "detached": ("闸杆脱落", "the arm came off"),
    "superseded": ("被后来的指令取代", "another order took its place"),
    "restart": ("控制器重启，任务中断", "the controller restarted meanwhile"),
    "arguments": ("参数不正确", "wrong arguments"),
    "busy": ("另一项测试正在进行", "another test is under way"),
    "output.motor": ("电机输出不能测试驱动，请用 raise/lower", "a motor output is never driven by a test; order raise or lower"),
    "mode.needed": ("先切换到维护模式：set-mode maintenance", "only in maintenance mode: set-mode maintenance first"),
    # of the gateway
    "lane_offline": ("控制器离线，未发出指令", "the controller is offline; nothing was sent"),
    "unknown_lane": ("没有这条车道", "there is no such lane"),
    "unknown_op": ("没有这种操作", "there is no such operation"),
    "ledger": ("账本不可写，未执行", "the ledger cannot be written; nothing was done"),
    "stale": ("指令在路上太久，未执行", "the order was too long on its way; nothing was done"),
    "no_answer": ("控制器没有在限期内回答；看事件确认实际情况", "the lane has not answered in time; its events tell what happened"),
    "no_gateway": ("网关没有回答；检查网关，急用请按现场按钮", "the gateway does not answer; check it, the buttons at the lane work"),
    "no_lane": ("控制器没有回答；检查供电和网络", "the lane does not answer; check its supply and network"),
    "parts_lost": ("回答有分段没有到达", "parts of the answer did not arrive"),
    "config": ("设置被拒绝", "the settings were refused"),
    "no_version": ("没有这个设置版本", "there is no such version of the settings"),
}  # fmt: skip

# Fault code: (what it means, what to do) in Chinese, then in English.
FAULTS: dict[str, tuple[str, str, str, str]] = {
    "two_obstructions": ("一次落杆中两次遇障", "看闸下，清除障碍，现场长按停止键 3 秒",
                         "two obstructions in one close", "look under the arm, clear it, hold stop for 3 s at the lane"),
    "travel_timeout": ("运动超时", "查驱动、离合、限位开关，然后清除故障",
                       "the limit was not reached in time", "check drive, clutch and limit switches, then clear the fault"),
    "limits_conflict": ("两个限位同时有效", "查限位开关接线和磁钢",
                        "both limits are on", "check the limit switches, their wiring and magnets"),
    "arm_detached": ("闸杆脱落", "装回闸杆，查脱杆开关，然后清除故障",
                     "the arm came off", "fit the arm, check its switch, then clear the fault"),
    "sensor_failed": ("传感器不跟随自检", "清洁、对准，查接线；每 5 秒自动重测",
                      "the sensor does not follow its test line", "clean and align it, check its wiring; it is tested again every 5 s"),
    "input_stuck": ("输入长时间不变", "查检测器和接线，看地感是否停着车",
                    "an input has not changed for too long", "check detector and wiring; is a vehicle parked on the loop?"),
    "input_noisy": ("一秒内跳变超过 40 次", "查松动接线；安静 10 秒后恢复采信",
                    "more than 40 edges in a second", "look for a loose wire; it is believed again after 10 quiet seconds"),
    "output_failed": ("输出没有动作", "查输出接线、保险和灯具",
                      "an output has no effect", "check its wiring, fuse and load"),
    "loop_late": ("安全循环超时", "记录现象和日志，上报",
                  "the safety loop was late", "note what happened, fetch the log, report it"),
    "memory_low": ("内存不足", "取日志后重启，上报",
                   "free memory below the reserve", "fetch the log, reboot, report it"),
    "sign_silent": ("显示屏不应答", "查显示屏电源和 RS485 接线",
                    "the sign does not answer", "check its supply and the RS485 line"),
    "config_refused": ("设置文档被拒绝", "按提示改正该项",
                       "a settings document was refused", "correct the key that it names"),
    "clock_unset": ("时钟未校准", "查网关和 SNTP",
                    "the clock was never set", "check the gateway and its SNTP"),
    "means_missing": ("防夹措施不足两类", "补装触边、光幕或红外，登记后复测",
                      "fewer than two means against entrapment", "fit an edge, a curtain or a beam, enter it, test again"),
    "supply_low": ("供电电压低", "查电源、负载和电池",
                   "the supply is low", "check the supply, its load and the battery"),
    "temperature": ("控制箱温度超限", "查通风、遮阳和加热",
                    "the cabinet is too hot or too cold", "check fan, shade and heater"),
    "service_due": ("到了保养次数", "按保养表保养并登记",
                    "the arm's cycles call for service", "service the barrier and enter it"),
    "force_test_due": ("力值试验将满一年", "安排力值试验",
                       "the force test is 11 months old", "plan the force test"),
    "force_test_overdue": ("力值试验已过期", "做力值试验并登记",
                           "the force test is over a year old", "do the force test and enter it"),
}  # fmt: skip

ROLES = {
    "loop_arrival": "到达地感", "loop_under_arm": "杆下地感", "loop_exit": "驶离地感", "beam": "红外对射", "edge": "触边",
    "radar": "防砸雷达", "curtain": "光幕", "limit_open": "开到位", "limit_closed": "关到位", "button_raise": "升按钮",
    "button_lower": "降按钮", "button_stop": "停按钮", "hold_to_run": "点动", "fire": "消防", "cabinet": "箱门",
    "arm_detached": "脱杆", "power_fail": "市电掉电", "alarm_sense": "警示回读",
    "open": "升电机", "close": "降电机", "stop": "停", "alarm_light": "警示灯", "siren": "警号", "fault_light": "故障灯",
    "beam_test": "红外自检", "radar_test": "雷达自检", "edge_test": "触边自检", "curtain_test": "光幕自检",
    "loop_test": "地感自检", "sign": "显示屏",
}  # fmt: skip
TESTED = {"passed": "通过", "failed": "未通过", "driven": "已驱动", "absent": "无"}
BARRIER = {
    "unknown": "位置未知", "closed": "已关", "opening": "正在抬起", "open": "已开", "closing": "正在落下",
    "reversing": "遇障反抬", "stopped": "已停", "held_open": "保持开启", "fault": "故障",
}  # fmt: skip
MODES = {"automatic": "自动", "manual": "手动", "maintenance": "维护"}
RESULTS = {
    "accepted": "已接受", "done": "完成", "refused": "拒绝", "failed": "失败", "expired": "过期", "timeout": "超时",
}  # fmt: skip


def sentence(result: str, reason: str | None) -> tuple[str, str]:
    """A terminal answer as a sentence, Chinese and English; an unknown reason keeps its code."""
    zh, en = REASONS.get(reason or "", (reason or "", reason or ""))
    return f"{RESULTS.get(result, result)}{'：' + zh if zh else ''}", f"{result}{': ' + en if en else ''}"
