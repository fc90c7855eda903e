"""A board on a USB cable, in a test: the real interpreter on a pty, in a flash folder, started again whenever it ends.

The interpreter's own pty is its terminal (Ctrl-C reaches it); a second, raw one is the serial port that a tool opens.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import termios
import threading
import time
import tty
from pathlib import Path

from rig import BIN, ROOT, Plant


class PtyBoard:
    """port: path of the serial port. runs: how often the interpreter was started."""

    def __init__(self, folder: Path, plant: Plant | None, lane: str = "g1-b01", hardware: str = "sim") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._plant, self._lane, self._hardware = folder, plant, lane, hardware
        self._master, self._slave = pty.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self.runs = 0
        self._pid, self._own = 0, -1
        self._is_open = True
        self._start()
        self._thread = threading.Thread(target=self._shuttle, daemon=True)
        self._thread.start()

    def _start(self) -> None:
        env = {**os.environ, "LVZHA_LANE": self._lane, "LVZHA_BOARD": self._hardware, "MICROPYPATH": ".frozen"}
        if self._plant is not None:
            env["LVZHA_PLANT"] = f"127.0.0.1:{self._plant.port}"
            env["MICROPYPATH"] = f"{ROOT / 'tools/simulator/interpreter'}:.frozen"
        argv = [str(BIN / "micropython"), "-X", "heapsize=1M"]
        if (self.folder / "main.py").exists():  # as a board does: run main.py, then the prompt
            argv += ["-i", "main.py"]
        self._pid, self._own = pty.fork()
        if self._pid == 0:
            mode = termios.tcgetattr(0)
            mode[1] &= ~termios.OPOST  # a serial line adds no carriage returns
            mode[3] &= ~(termios.ECHO | termios.ICANON)
            termios.tcsetattr(0, termios.TCSANOW, mode)
            os.chdir(self.folder)
            os.execve(argv[0], argv, env)
        self.runs += 1

    def _shuttle(self) -> None:
        while self._is_open:
            ready, _, _ = select.select([self._master, self._own], [], [], 0.1)
            for source in ready:
                try:
                    data = os.read(source, 4096)
                except OSError:
                    data = b""
                if data:
                    os.write(self._own if source == self._master else self._master, data)
                elif source == self._own:  # the interpreter ended: its supply starts it again
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(self._pid, 0)
                    os.close(self._own)
                    if self._is_open:
                        time.sleep(0.2)
                        self._start()

    def close(self) -> None:
        self._is_open = False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        self._thread.join(5)
        for descriptor in (self._master, self._slave):
            os.close(descriptor)
