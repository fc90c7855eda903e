"""`lvzha lane watch`: one lane, live, on the whole screen. Reads and tests; it moves nothing.

The client's thread hears; this app takes what was heard ten times a second. A question runs in a worker thread, which
gets its replies from here.
"""

from __future__ import annotations

import queue
import socket
import time
from collections.abc import Callable
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, Label, OptionList, RichLog, Static
from textual.widgets.option_list import Option

from firmware.lane import contract
from gateway.adapters.technician import texts, watch_view
from gateway.adapters.technician.access import Access
from gateway.adapters.technician.book import LaneBook
from gateway.adapters.technician.client import Client, Heard
from gateway.adapters.technician.jobs import Desk, Outcome
from gateway.domain import lane_words
from gateway.domain.lane_allowed import detail_lines

FRAME_S = 0.1
SIGN_EVERY_S = 10.0
NAMES = ("status", "state", "event", "telemetry", "diagnostics/reply", "update/status")
HELP = """\
t  自检：每个防砸传感器的结果          self-test: the result of each presence sensor
i  输入输出：端子、路径、边沿计数      inputs and outputs: terminal, path, edge count
l  控制器日志                          the lane's log
m  模式：自动、手动、维护（记入台账）  mode: automatic, manual, maintenance (goes into the ledger)
n  下一条车道                          next lane
?  帮助    q  退出                     help, quit

● 有 on   ○ 无 off   ✖ 不健康 not healthy; 数字为边沿计数 numbers: raw edges
闸杆按控制器所报状态绘制 the arm is drawn as the lane tells it
"""


class Tap:
    """What a worker's Desk talks to: it sends through the real client and gets only what the app passes on."""

    def __init__(self, client: Client) -> None:
        self.heard: queue.Queue[Heard] = queue.Queue()
        self.access, self.ask, self.order = client.access, client.ask, client.order


class Page(ModalScreen[None]):
    """A table or a text over the view; any of escape, q, enter closes it."""

    BINDINGS: ClassVar = [Binding("escape,q,enter", "dismiss", "关闭 close")]
    DEFAULT_CSS = """
    Page { align: center middle; }
    Page > Vertical { width: 92%; height: 88%; border: round $accent; background: $surface; padding: 0 1; }
    Page RichLog { background: $surface; }
    """

    def __init__(self, title: str, content: list[Any]) -> None:
        super().__init__()
        self._title, self._content = title, content

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(f"[b]{self._title}[/b]   [dim]Esc 关闭 close[/dim]")
            yield RichLog(wrap=False, markup=False, auto_scroll=False, id="page")

    def on_mount(self) -> None:
        self.query_one("#page", RichLog).focus()
        self.call_after_refresh(self._fill)

    def _fill(self) -> None:
        log = self.query_one("#page", RichLog)
        for thing in self._content:
            log.write(thing, width=max(20, log.scrollable_content_region.width))


class ModeScreen(ModalScreen[tuple[str, str] | None]):
    """Choose a mode, then say why; None when closed."""

    BINDINGS: ClassVar = [Binding("escape", "dismiss(None)", "取消 cancel")]
    DEFAULT_CSS = """
    ModeScreen { align: center middle; }
    ModeScreen > Vertical { width: 60; height: 13; border: round $accent; background: $surface; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._mode = ""

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("[b]模式 mode[/b]   [dim]Esc 取消 cancel[/dim]")
            yield OptionList(*(Option(f"{zh} {mode}", id=mode) for mode, zh in lane_words.MODES.items()))
            yield Input(placeholder="原因，记入台账 why (goes into the ledger)", max_length=200, id="why")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._mode = event.option.id or ""
        self.query_one("#why", Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self._mode and event.value.strip():
            self.dismiss((self._mode, event.value.strip()))
        else:
            self.app.notify("先选模式并写明原因 choose a mode and say why", severity="warning")


class WatchApp(App[None]):
    """The view. `client` is connected; it is not closed here."""

    TITLE = "绿闸 Lvzha"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { layout: vertical; }
    #header { height: 1; background: $boost; }
    #top { height: 9; }
    #arm { width: 1fr; min-width: 30; padding: 0 1; }
    #lamps { width: 34; border-left: solid $accent 50%; padding: 0 0 0 1; }
    #road { height: 3; }
    #facts { height: 2; }
    #faults { height: auto; max-height: 3; }
    #events { height: 1fr; border-top: solid $accent 50%; background: $background; overflow-x: hidden; scrollbar-size-vertical: 0; }
    """
    BINDINGS: ClassVar = [
        Binding("t", "test", "自检 test"),
        Binding("i", "io", "输入输出 io"),
        Binding("l", "log", "日志 log"),
        Binding("m", "mode", "模式 mode"),
        Binding("n", "next", "下一条 next"),
        Binding("question_mark", "help", "帮助 help"),
        Binding("q", "quit", "退出 quit"),
    ]

    def __init__(self, client: Client, lane: str | None = None) -> None:
        super().__init__()
        self.client, self.book = client, LaneBook()
        self.lane = lane
        self.arm = watch_view.Arm()
        self._tap: Tap | None = None
        self._sign: list[str] = []
        self._sign_asked_s = 0.0
        self._sign_seen = ""
        self._drawn = (-1, "", 0, 0)
        self._told: dict[str, int] = {}
        self._is_quiet = False  # the question under way is this program's own, nobody waits for it

    def compose(self) -> ComposeResult:
        yield Static(id="header")
        with Horizontal(id="top"):
            yield Static(id="arm")
            yield Static(id="lamps")
        yield Static(id="road")
        yield Static(id="facts")
        yield Static(id="faults")
        yield RichLog(id="events", wrap=False, markup=False, max_lines=500)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#events", RichLog).can_focus = False
        self.set_interval(FRAME_S, self._turn)

    # ------------------------------------------------------------ ten times a second

    def _turn(self) -> None:
        while True:
            try:
                heard = self.client.heard.get_nowait()
            except queue.Empty:
                break
            self.book.take(heard)
            if self._tap is not None:
                self._tap.heard.put(heard)
        if not self.query("#header"):
            return  # on the way out
        if self.lane is None and self.book.lanes:
            self.lane = min(self.book.lanes)
        self._draw()
        self._ask_sign()

    def _draw(self) -> None:
        page = self.book.page(self.lane) if self.lane else None
        if page is None:
            self.query_one("#header", Static).update(
                Text(" 等待车道的状态 waiting for a lane to tell its status", "yellow")
            )
            return
        state = page.state or {}
        self.arm.learn(page.events)
        moving = self.arm.step(state.get("barrier", "unknown"), FRAME_S)
        blink = int(time.monotonic() * 3) % 2 == 0
        size = (self.size.width, self.size.height)
        now = (self.book.revision, page.lane, *size)
        self.query_one("#header", Static).update(watch_view.header(page, self._age_s(page), self._gateway(), size[0]))
        arm = self.query_one("#arm", Static)
        if moving or state.get("alarm", "off") != "off" or now != self._drawn:
            arm.update(watch_view.arm_drawing(page, self.arm, max(20, arm.content_size.width), 9, blink))
        if now == self._drawn:
            return
        self._drawn = now
        lamps = self.query_one("#lamps", Static)
        lamps.update(watch_view.lamps(page, max(12, lamps.content_size.width), 9))
        self.query_one("#road", Static).update(watch_view.road(page, size[0]))
        self.query_one("#facts", Static).update(watch_view.facts(page, self._sign, size[0]))
        self.query_one("#faults", Static).update(watch_view.fault_lines(page, size[0], 3))
        self._tell_events(page)

    def _tell_events(self, page: Any) -> None:
        log = self.query_one("#events", RichLog)
        told = self._told.get(page.lane, 0)
        total = page.events_seen
        for event in list(page.events)[-(total - told) :] if total > told else []:
            log.write(Text(texts.event_line(event), watch_view.event_style(event["kind"])))
        self._told[page.lane] = total

    def _age_s(self, page: Any) -> float | None:
        return None if page.heard_mono_s is None else time.monotonic() - page.heard_mono_s

    def _gateway(self) -> bool | None:
        return self.book.is_gateway_online

    def _ask_sign(self) -> None:
        """The sign's text: when it changes, and now and then."""
        page = self.book.page(self.lane) if self.lane else None
        if page is None or page.state is None or not page.is_online or self._tap is not None:
            return
        seen = f"{page.lane} {page.state['sign']} {page.state['passes']['at_arm']}"
        if seen == self._sign_seen and time.monotonic() - self._sign_asked_s < SIGN_EVERY_S:
            return
        self._sign_seen, self._sign_asked_s = seen, time.monotonic()

        def take(outcome: Outcome) -> None:
            if outcome.is_done:
                self._sign = texts.sign_lines(str(outcome.answer.get("sign", "")))
                self._drawn = (-1, "", 0, 0)

        self._run(lambda desk: desk.ask(page.lane, "outputs"), take, quiet=True)

    # ------------------------------------------------------------ questions, in a worker

    def _run(self, question: Callable[[Desk], Any], take: Callable[[Any], None], *, quiet: bool = False) -> None:
        """One question at a time; `take` gets its outcome on the app's own thread."""
        if self._tap is not None and not self._is_quiet:
            self.notify("上一项还在进行 one thing at a time", severity="warning")
            return
        tap = Tap(self.client)
        self._tap, self._is_quiet = tap, quiet

        def work() -> None:
            try:
                outcome = question(Desk(tap))  # type: ignore[arg-type]
            finally:
                self.call_from_thread(self._done, tap)
            self.call_from_thread(take, outcome)

        self.run_worker(work, thread=True, exit_on_error=False)

    def _done(self, tap: Tap) -> None:
        if self._tap is tap:
            self._tap = None

    def action_test(self) -> None:
        if self.lane is None:
            return
        self.notify("自检中 self-test", timeout=2)
        lane, args = self.lane, {"by": self.client.access.name}

        def take(outcome: Outcome) -> None:
            found = " ".join(
                f"{lane_words.ROLES.get(k, k)}{lane_words.TESTED.get(str(v), v)}" for k, v in outcome.answer.items()
            )
            self._say(outcome, found)

        self._run(lambda desk: desk.ask(lane, "self_test", args, takes_s=5), take)

    def action_io(self) -> None:
        if self.lane is None:
            return
        lane = self.lane

        def take(found: tuple[Outcome, Outcome]) -> None:
            if all(outcome.is_done for outcome in found):
                self.push_screen(
                    Page(f"{lane} 输入输出 I/O", [texts.inputs(found[0].answer), "", texts.outputs(found[1].answer)])
                )
            else:
                self._say(found[0] if not found[0].is_done else found[1])

        self._run(lambda desk: (desk.ask(lane, "inputs"), desk.ask(lane, "outputs")), take)

    def action_log(self) -> None:
        if self.lane is None:
            return
        lane = self.lane

        def take(found: tuple[Outcome, list[tuple[int, str]]]) -> None:
            outcome, lines = found
            if outcome.is_done:
                self.push_screen(
                    Page(f"{lane} 日志 log", [f"{number:>5} {text}" for number, text in lines] or ["无 none"])
                )
            else:
                self._say(outcome)

        self._run(lambda desk: desk.read_log(lane, "info"), take)

    def action_mode(self) -> None:
        if self.lane is None:
            return
        lane, origin = self.lane, f"lvzha watch@{socket.gethostname()}"[:80]

        def chosen(answer: tuple[str, str] | None) -> None:
            if answer is not None:
                mode, why = answer
                self._run(lambda desk: desk.order(lane, "set_mode", {"mode": mode}, why=why, origin=origin), self._say)

        self.push_screen(ModeScreen(), chosen)

    def action_next(self) -> None:
        lanes = sorted(self.book.lanes)
        if self.lane in lanes and len(lanes) > 1:
            self.lane = lanes[(lanes.index(self.lane) + 1) % len(lanes)]
            self.arm, self._sign = watch_view.Arm(), []
            self._told.pop(self.lane, None)
            self.query_one("#events", RichLog).clear()

    def action_help(self) -> None:
        self.push_screen(Page("帮助 help", [HELP]))

    def _say(self, outcome: Outcome, more: str = "") -> None:
        more = "\n".join([more] * bool(more) + ([] if outcome.is_done else detail_lines(outcome.answer)))
        text = f"{outcome.text_zh} {outcome.text_en}" + (f"\n{more}" if more else "")
        self.notify(text, title=outcome.what, severity="information" if outcome.is_done else "error", timeout=8)


def watch_lane(access: Access, lane: str | None) -> None:
    """Run the view until the technician quits. Raises Unreachable, and ValueError for a lane id that is none."""
    if lane is not None:
        contract.split_lane_id(lane)
    with Client(access, ["+"], NAMES) as client:
        WatchApp(client, lane).run()
