"""The lane's one connection: SNTP, TLS, MQTT session, and the task that publishes. Retries for ever; nothing waits for it.

The only file that imports socket and ssl. A handshake starts only at rest; while the arm moves, nothing is told but the answers to
orders, in pieces: one between two turns of the safety loop; all else waits for rest. Any exception of the stack counts as link lost.
RAM: the MQTT window, one TLS session.
"""

import asyncio
import gc
import socket
import ssl
import struct

from lane import contract
from lane.clock import since
from lane.mqtt import WINDOW, Mqtt, MqttError, wait_ms

OPEN_MS = 3000
SNTP_MS = 1000
SNTP_EVERY_MS = 3600000
FIRST_RETRY_MS = 500
LAST_RETRY_MS = 8000
TICK_MS = 20
STANDING_MS = 5000  # a vehicle that has stood this long needs the link more than the second that a handshake may cost
STATE_EVERY_MS = 60000  # also without a change
STATE_GAP_MS = 200
RESEND_MS = 10000  # events not acknowledged by the gateway although it is heard: told again
KEPT = 8  # messages that wait for rest; the next one is taken in motion
UNACKED = 32  # events sent ahead of the gateway's acknowledgement
_NTP_EPOCH = 2208988800
_FAULTS = (OSError, ValueError, MqttError, MemoryError, EOFError, asyncio.TimeoutError)


class Link:
    def __init__(self, settings, files, parts, health, log):
        """files: dict of DER bytes ca, cert, key. parts: the lane (lane.parts.Parts), which composes and takes messages."""
        self._s = settings
        self._files = files
        self._parts = parts
        self._health = health
        self._log = log
        self._now = parts.clock.now
        self._beat = health.add("link", 30000, self._now())
        self._topics = {
            name: contract.topic(settings["site"], settings["lane"], name)
            for name in contract.NAMES
            if name not in contract.SITE_NAMES
        }
        self._names = {self._topics[name]: name for name in contract.LANE_READS}
        for name in contract.SITE_NAMES:
            self._names[contract.topic(settings["site"], None, name)] = name
        self.mqtt = Mqtt(settings["lane"], settings["keepalive_s"], self._on_message, 2048)
        self._orders = []  # (payload, is retained), read and not yet carried out
        self._answers = []  # (id, result, reason) of orders, not yet composed
        self._kept = []  # (name, payload, is retained) read in motion, in order
        self._results = []  # command results as bytes, in order
        self._writer = None
        self.is_up = False
        self.is_shaking = False  # the loop may be held up by a handshake
        self.connects = 0
        self._read_fault = ""
        self._is_heard = False  # the gateway has spoken on this connection
        self._sntp_at = None
        self._acked_at = self._now()
        self._ahead = []  # (boot, seq) sent and not yet durable in the gateway, oldest first

    # ---- task ----

    async def run(self):
        """Owns the connection for ever."""
        retry_ms = FIRST_RETRY_MS
        while True:
            while not self._may_shake_hands():
                await self._pause(100)
            reason = "closed"
            try:
                await self._while_at_rest(self._connect())
                retry_ms = FIRST_RETRY_MS
                await self._serve()
            except _FAULTS as e:
                reason = (type(e).__name__ + " " + str(e)).strip()[:64]
            await self._close()
            gc.collect()
            if self.is_up:
                self.is_up = False
                self._log("link down", reason)
                self._parts.note("link.down", {"reason": reason})
            await self._pause(retry_ms)
            retry_ms = min(retry_ms * 2, LAST_RETRY_MS)

    async def _pause(self, ms):
        while ms > 0:
            self._health.beat(self._beat, self._now())
            await asyncio.sleep_ms(min(ms, 500))
            ms -= 500

    def _may_shake_hands(self):
        safety = self._parts.safety
        if not safety.barrier.is_at_rest():
            return False
        if not safety.lane.is_vehicle_present():
            return True
        return not safety.barrier.wants_close() and safety.lane.still_for_ms(self._now()) >= STANDING_MS

    async def _while_at_rest(self, work):
        """Wait for `work`, which may hold up the loop (a handshake); give it up as soon as the arm moves."""
        failed = []

        async def attempt():
            try:
                await work
            except _FAULTS as e:
                failed.append(e)  # raised below: asyncio would print that nobody asked for it yet

        task = asyncio.create_task(attempt())
        self.is_shaking = True
        try:
            while not task.done():
                if not self._parts.safety.barrier.is_at_rest():
                    raise MqttError("the arm moves")
                await asyncio.sleep_ms(TICK_MS)
            await task
            if failed:
                raise failed[0]
        finally:
            self.is_shaking = False
            if not task.done():
                task.cancel()
                await self._ended(task)

    async def _connect(self):
        s = self._s
        if self._sntp_at is None or since(self._now(), self._sntp_at) > SNTP_EVERY_MS:
            await self._ask_time()
        self._health.beat(self._beat, self._now())
        gc.collect()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=self._files["ca"])
        context.load_cert_chain(self._files["cert"], self._files["key"])
        reader, self._writer = await wait_ms(
            asyncio.open_connection(s["broker_host"], s["broker_port"], ssl=context, server_hostname=s["server_name"]),
            OPEN_MS,
        )
        self._health.beat(self._beat, self._now())
        had_session = await self.mqtt.connect(reader, self._writer, self._topics["status"], self._parts.status(False))
        self._health.beat(self._beat, self._now())
        self._is_heard = False
        self.mqtt.drop_in_flight("state")
        self.mqtt.drop_in_flight("status")
        reads = [self._topics[name] for name in contract.LANE_READS]
        reads += [contract.topic(s["site"], None, name) for name in contract.SITE_NAMES]
        await self.mqtt.subscribe(reads)
        await self.mqtt.resend()
        self.is_up = True
        self.connects += 1
        self._log("link up", "session=" + str(had_session))
        self._parts.note("link.up", {"connects": self.connects})

    async def _close(self):
        """The socket is closed and nothing holds its TLS session any more: there is no room for two."""
        writer, self._writer = self._writer, None
        self.mqtt.drop()
        if writer is not None:
            try:
                await wait_ms(writer.wait_closed(), 1000)  # this closes; MicroPython's `close` does nothing
            except _FAULTS:
                pass

    async def _serve(self):
        """Publishes; a second task reads. Ends, by exception, with the connection."""
        reader = asyncio.create_task(self._read())
        try:
            await self._hello()
            await self._publish_for_ever(reader)
        finally:
            reader.cancel()
            try:
                await wait_ms(self._ended(reader), 1000)
            except (OSError, asyncio.TimeoutError):
                pass

    async def _ended(self, task):
        try:
            await task
        except _FAULTS + (asyncio.CancelledError,):
            pass

    async def _read(self):
        try:
            while True:
                await self.mqtt.read()
                while self._orders:  # one order at a time; the rest waits in the socket
                    await asyncio.sleep_ms(TICK_MS // 2)
        except _FAULTS as e:
            self._read_fault = (type(e).__name__ + " " + str(e)).strip()

    async def _hello(self):
        self._rewind()
        await self.mqtt.publish(self._topics["status"], self._parts.status(True), 1, True, "status")
        await self.mqtt.publish(self._topics["state"], self._parts.state(), 1, True, "state")
        await self.mqtt.publish(self._topics["telemetry"], self._parts.telemetry(self), 0)

    def _rewind(self):
        self._parts.journal.rewind()
        self._ahead = []
        self._acked_at = self._now()

    async def _publish_for_ever(self, reader):
        parts, mqtt = self._parts, self.mqtt
        spoke = told = state_at = self._now()
        ping_ms = self._s["keepalive_s"] * 500
        while True:
            now = self._now()
            self._health.beat(self._beat, now)
            if reader.done():
                raise MqttError(self._read_fault)
            if mqtt.is_ping_owed and since(now, spoke) > 2 * ping_ms:
                raise MqttError("no PINGRESP")
            sent = mqtt.sent
            is_busy = await self._do_a_piece()
            while is_busy and parts.safety.is_at_rest():
                is_busy = await self._do_a_piece()
            while self._kept and parts.safety.is_at_rest():
                self._take(*self._kept.pop(0))
            if parts.safety.is_at_rest():
                self._results.extend(parts.commands.outcomes())
                while parts.replies and mqtt.in_flight() < WINDOW:
                    name, payload = parts.replies.pop(0)
                    await mqtt.publish(self._topics[name], payload, 1)
                await self._publish_events(now)
                if since(now, state_at) >= STATE_GAP_MS and (
                    parts.is_state_new() or since(now, state_at) > STATE_EVERY_MS
                ):
                    if "state" not in mqtt.tags():
                        state_at = now
                        await mqtt.publish(self._topics["state"], parts.state(), 1, True, "state")
                if parts.is_status_due and mqtt.in_flight() < WINDOW:
                    parts.is_status_due = False
                    await mqtt.publish(self._topics["status"], parts.status(True), 1, True, "status")
                if since(now, told) >= contract.TELEMETRY_EVERY_S * 1000:
                    told = now
                    await mqtt.publish(self._topics["telemetry"], parts.telemetry(self), 0)
                if parts.commands.is_reboot_wanted and not self._results and not mqtt.in_flight():
                    await mqtt.disconnect()
                    parts.reboot()
            if mqtt.sent != sent:
                spoke = now if not mqtt.is_ping_owed else spoke
            elif since(now, spoke) >= ping_ms and not mqtt.is_ping_owed and not is_busy:
                spoke = now
                await mqtt.ping()
            await asyncio.sleep_ms(TICK_MS)

    async def _do_a_piece(self):
        """One piece of what may be done in motion; False when there is none. An order takes three: carried out, answer composed, sent."""
        parts, mqtt = self._parts, self.mqtt
        if self._orders:
            answer = parts.commands.obey(*self._orders.pop(0))
            if answer is not None:
                self._answers.append(answer)
        elif self._answers:
            self._results.append(parts.commands.result(*self._answers.pop(0)))
        elif mqtt.has_acks():
            await mqtt.acknowledge(1)
        elif self._results and mqtt.in_flight() < WINDOW:
            await mqtt.publish(self._topics["command/result"], self._results[0], 1)
            self._results.pop(0)
        elif len(self._kept) > KEPT:
            self._take(*self._kept.pop(0))
        else:
            return False
        return True

    async def _publish_events(self, now):
        parts, mqtt = self._parts, self.mqtt
        if not self._is_heard or parts.is_silent(now):
            return  # nobody makes events durable; a broker that forgets must not be the one to hold them
        if self._ahead and since(now, self._acked_at) > RESEND_MS:
            self._rewind()
        # no more in one turn, however quick the broker is: orders, answers and the beat have theirs
        for _ in range(WINDOW - 2):
            if mqtt.in_flight() >= WINDOW - 2 or len(self._ahead) >= UNACKED or not parts.safety.is_at_rest():
                return
            event = parts.journal.next() if parts.journal.is_ready() else None
            if event is None:
                return
            boot, seq = event["boot"], event["seq"]
            tag = contract.pass_name(boot, seq)
            if tag not in mqtt.tags():
                await mqtt.publish(self._topics["event"], contract.encode_event(event), 1, False, tag)
            if not self._ahead:
                self._acked_at = now
            self._ahead.append((boot, seq))

    # ---- messages ----

    def _on_message(self, topic, payload, is_retained):
        """Called by the reader for each message. An order is put down for the other task; while the arm moves, so is all else."""
        name = self._names.get(topic)
        if name == "command":
            self._orders.append((payload, is_retained))
        elif name is None:
            return
        elif self._parts.safety.is_at_rest() and not self._kept:
            self._take(name, payload, is_retained)
        elif name == "time":
            self._parts.heard()  # what it says is old by the time that it could be read
        else:
            self._kept.append((name, payload, is_retained))

    def _take(self, name, payload, is_retained):
        """Refuses by counting or answering, never by raising."""
        parts = self._parts
        if name == "event/ack":
            acked = parts.take_ack(payload)
            if acked is not None:
                self._acked_at = self._now()
                for i in range(len(self._ahead) - 1, -1, -1):
                    if self._ahead[i][0] == acked[0] and self._ahead[i][1] <= acked[1]:
                        self._ahead = self._ahead[i + 1 :]
                        break
        else:
            if name in contract.SITE_NAMES:
                self._is_heard = True
            if parts.take(name, payload, is_retained):
                self._acked_at = self._now()  # the gateway is back; the broker may still hold what was sent

    # ---- time ----

    async def _ask_time(self):
        """Set the clock from the gateway's SNTP (RFC 4330) before TLS looks at dates; without an answer go on."""
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            s.setblocking(False)
            request = bytearray(48)
            request[0] = 0x23  # version 4, client
            asked = self._parts.clock.ms()
            s.sendto(request, socket.getaddrinfo(self._s["sntp_host"], self._s["sntp_port"])[0][-1])
            while self._parts.clock.ms() - asked < SNTP_MS:
                await asyncio.sleep_ms(10)
                try:
                    answer = s.recv(64)
                except OSError:
                    continue
                if answer and len(answer) >= 48 and answer[0] & 7 == 4 and 0 < answer[1] < 16:
                    took = self._parts.clock.ms() - asked
                    seconds, fraction = struct.unpack("!II", answer[40:48])
                    at_ms = (seconds - _NTP_EPOCH) * 1000 + (fraction >> 22) * 1000 // 1024 + took // 2
                    self._sntp_at = self._now()
                    self._parts.set_wall(at_ms, took // 2 + 1)
                    return
        except OSError as e:
            self._log("sntp failed", str(e))
        finally:
            s.close()
