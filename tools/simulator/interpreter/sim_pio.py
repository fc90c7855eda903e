"""PIO programs: taken down from an rp2.asm_pio function, and executed cycle by cycle. Pure; the bench imports it on CPython.

Only what the firmware's programs use: set pins, jmp (always, pin, not_x, x_dec), pull, push, mov x from osr. One cycle an instruction.
"""


class Program:
    """instructions: tuples such as ("jmp", "x_dec", "run"); labels: name -> place; wrap_target, wrap: places."""

    def __init__(self):
        self.instructions = []
        self.labels = {}
        self.wrap_target = 0
        self.wrap = None


_WORDS = ("pins", "x", "osr", "pin", "not_x", "x_dec", "block", "noblock")


def take_down(function):
    """The Program of a function in the language of rp2.asm_pio."""
    program = Program()

    def add(name):
        def emit(*arguments):
            program.instructions.append((name,) + arguments)  # noqa: RUF005 (MicroPython)

        return emit

    def label(name):
        program.labels[name] = len(program.instructions)

    def wrap_target():
        program.wrap_target = len(program.instructions)

    def wrap():
        program.wrap = len(program.instructions) - 1

    scope = function.__globals__
    names = {word: word for word in _WORDS}
    names.update({"label": label, "wrap_target": wrap_target, "wrap": wrap})
    for name in ("set", "jmp", "pull", "push", "mov"):
        names[name] = add(name)
    before = {name: scope[name] for name in names if name in scope}
    scope.update(names)
    try:
        function()
    finally:
        for name in names:
            del scope[name]
        scope.update(before)
    if program.wrap is None:
        program.wrap = len(program.instructions) - 1
    return program


class Machine:
    """One state machine. read_pin(): level of the jmp pin. drive(level): of the set pin. Time is given in cycles."""

    FIFO = 4

    def __init__(self, program, read_pin, drive):
        self._program = program
        self._read_pin = read_pin
        self._drive = drive
        self.tx = []
        self.rx = []
        self.x = self.osr = 0
        self.pc = 0

    def run(self, cycles):
        """Execute so many cycles, or until stalled; a loop that only counts down is taken in one stride."""
        program = self._program
        last = -1  # cycles that were left at the last backward jump of a counting loop
        while cycles > 0:
            place = self.pc
            taken = self._execute(program.instructions[place])
            if taken is None:
                return
            cycles -= 1
            if taken >= 0:
                self.pc = taken
                if taken < place and not self.tx and last >= 0 and last - cycles == place - taken + 1:
                    turns = min(self.x, cycles // (last - cycles))
                    self.x -= turns
                    cycles -= turns * (last - cycles)
                last = cycles if taken < place else -1
            else:
                self.pc = program.wrap_target if place == program.wrap else place + 1

    def left(self):
        """Cycles after which a counting loop ends by itself, when nothing else happens."""
        return self.x * 5 + 5

    def _execute(self, instruction):
        """Place to jump to, -1 to go on, None when stalled."""
        name = instruction[0]
        if name == "jmp":
            return self._jump(instruction)
        if name == "set":
            self._drive(instruction[2])
        elif name == "pull":
            if self.tx:
                self.osr = self.tx.pop(0)
            elif instruction[1] == "block":
                return None
            else:
                self.osr = self.x
        elif name == "push":
            if len(self.rx) < self.FIFO:
                self.rx.append(0)
        elif name == "mov":
            self.x = self.osr
        return -1

    def _jump(self, instruction):
        to = self._program.labels[instruction[-1]]
        condition = instruction[1] if len(instruction) == 3 else None
        if condition == "pin":
            return to if self._read_pin() else -1
        if condition == "not_x":
            return to if self.x == 0 else -1
        if condition == "x_dec":
            before = self.x
            self.x = before - 1 if before else 0xFFFFFFFF
            return to if before else -1
        return to
