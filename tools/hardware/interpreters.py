"""hardware/interpreter.md and hardware/interpreter/: which MicroPython a board needs, how its flash is divided, how that is built."""

from __future__ import annotations

from typing import Any

from tools.hardware import data
from tools.hardware.tables import HEAD

TOLD = data.toml("interpreters.toml")
ROWS: dict[str, list[list[Any]]] = TOLD["partitions"]
MADE = "Made by `python -m tools.hardware`; change tools/hardware/interpreters.toml."


def csv(name: str) -> str:
    """The ESP-IDF partition table of a board."""
    lines = [f"# {MADE}", "# Name, Type, SubType, Offset, Size, Flags"]
    lines += [f"{label}, {kind}, {sub}, {at:#x}, {size:#x}," for label, kind, sub, at, size in ROWS[name]]
    return "\n".join(lines) + "\n"


def header() -> str:
    """What mpconfigboard.h of the RP2040 board says instead of its own lines."""
    return f"// {MADE}\n" + "".join(f"#define {line}\n" for line in TOLD["w5500_evb_pico"]["defines"])


def page() -> str:
    made = f"<!-- {MADE} -->\n# 解释器 Interpreter\n\n{HEAD}\n"
    made += (
        "`lvzha flash` 写入的 MicroPython 由安装人员自备（`--interpreter FILE`）。KC868-A16 和 W5500-EVB-Pico 的程序不放进内存，须在 ROMFS 分区里运行；"
        "官方发布的固件没有这个分区，**要自己编译一次**，以后更新只换 ROMFS 里的程序。`lvzha flash` 先查分区，没有或太小就拒绝并说明；没有 journal 分区时只提示。\n\n"
        "The MicroPython that `lvzha flash` writes is the installer's own file (`--interpreter FILE`). On a KC868-A16 and a W5500-EVB-Pico the application runs "
        "from a ROMFS partition instead of memory; the official builds have none, so **it is built once**, and updates replace only what lies in ROMFS. "
        "`lvzha flash` looks for the partition first: without it, or with one too small, it refuses in words; without a journal partition it only says so. "
        "**这些分区表还没有在实机上试过。None of these has been tried on a real board yet.**\n"
    )
    for name in data.BOARDS:
        made += _board(name)
    return made


def _board(name: str) -> str:
    told, table = TOLD[name], data.board(name)
    text = f"\n## {table.TITLE}\n\n* {told['stock'][0]}。{told['stock'][1]}.\n"
    if name in ROWS:
        text += f"* 分区表 partition table: [`interpreter/{name}.csv`](interpreter/{name}.csv)\n\n"
        text += "| 分区 partition | 类型 type | 起始 offset | 大小 size |\n|---|---|---|---|\n"
        text += "".join(
            f"| `{label}` | {kind} {sub} | `{at:#x}` | {size // 1024} KiB |\n"
            for label, kind, sub, at, size in ROWS[name]
        )
        text += _esp32(name, told)
    else:
        text += (
            f"* 闪存划分 division of the flash: [`interpreter/{name}.h`](interpreter/{name}.h)，共用官方留给文件系统的 1408 KiB out of the official 1408 KiB of the file system\n"
            f"\n```sh\n# 在 MicroPython 源码里 in the sources of MicroPython, ports/rp2\ncp -r boards/{told['board']} boards/LVZHA_PICO\n"
            f"sed -i '/MICROPY_HW_FLASH_STORAGE_BYTES/d' boards/LVZHA_PICO/mpconfigboard.h\n"
            f"cat interpreter/{name}.h >> boards/LVZHA_PICO/mpconfigboard.h\nmake BOARD=LVZHA_PICO submodules all\n# build-LVZHA_PICO/firmware.uf2\n```\n"
        )
    return text


def _esp32(name: str, told: dict[str, Any]) -> str:
    board, _, variant = told["board"].partition(", ")
    defines = "".join(f"echo '#define {line}' >> boards/LVZHA/mpconfigboard.h\n" for line in told["defines"])
    flash = told["flash"] >> 20
    return (
        f"\n```sh\n# 在 MicroPython 源码里 in the sources of MicroPython, ports/esp32\ncp -r boards/{board} boards/LVZHA\n{defines}"
        f"cp interpreter/{name}.csv partitions-lvzha.csv\n"
        f"printf 'CONFIG_ESPTOOLPY_FLASHSIZE_{flash}MB=y\\nCONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"partitions-lvzha.csv\"\\n' > boards/LVZHA/sdkconfig.lvzha\n"
        f"# mpconfigboard.cmake: 在 SDKCONFIG_DEFAULTS 末尾加上 add at the end of SDKCONFIG_DEFAULTS: boards/LVZHA/sdkconfig.lvzha\n"
        f"make BOARD=LVZHA {variant} submodules all\n# build-LVZHA*/firmware.bin\n```\n".replace("LVZHA  ", "LVZHA ")
    )
