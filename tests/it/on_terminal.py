"""Runs a program on a terminal of its own and does what the steps on standard input say.

A step is a line of JSON: {"send": TEXT}, {"expect": PATTERN}, {"until": PATTERN, "send": TEXT} (sends
again and again until the pattern is seen, and waits until what was sent too often is dealt with),
{"kill": NUMBER} (sends a signal), {"end": CODE} (the program must end with this code).
Patterns are looked for in what the program wrote since the last match, without escape sequences.
"""

import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import termios
import time

PATIENCE = 60.0
AGAIN = 0.5
QUIET = 2.0
ROWS, COLUMNS = 24, 100

ESCAPES = re.compile(r"\x1b\[[0-9;?=>]*[A-Za-z]|\x1b[\]P][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[=>78]")


def fail(what, seen):
    print(f"{what}; seen since the last match:\n{seen}", file=sys.stderr)
    sys.exit(1)


class Terminal:
    def __init__(self, arguments):
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.execv(arguments[0], arguments)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.raw = b""
        self.at = 0
        self.is_over = False

    def read(self, seconds):
        """Takes what the program writes, and answers where it asks for the cursor's place."""
        ready, _, _ = select.select([self.terminal], [], [], seconds)
        if not ready:
            return
        try:
            chunk = os.read(self.terminal, 65536)
        except OSError:
            chunk = b""
        if not chunk:
            self.is_over = True
            return
        self.raw += chunk
        for _ in range(chunk.count(b"\x1b[6n")):
            self.send("\x1b[1;1R")

    def send(self, text):
        os.write(self.terminal, text.encode())

    def seen(self):
        return ESCAPES.sub("", self.raw.decode(errors="replace"))[self.at:]

    def expect(self, pattern, again=None):
        deadline = time.monotonic() + PATIENCE
        next_send = time.monotonic()
        while time.monotonic() < deadline:
            match = re.search(pattern, self.seen())
            if match:
                self.at += match.end()
                return
            if self.is_over:
                break
            if again is not None and time.monotonic() >= next_send:
                self.send(again)
                next_send = time.monotonic() + AGAIN
            self.read(0.1)
        fail(f"never saw {pattern!r}", self.seen())

    def settle(self):
        """Waits until the program has written nothing for a while."""
        deadline = time.monotonic() + PATIENCE
        quiet_from = time.monotonic()
        while time.monotonic() < min(deadline, quiet_from + QUIET):
            before = len(self.raw)
            self.read(0.1)
            if len(self.raw) > before:
                quiet_from = time.monotonic()

    def end(self, code):
        deadline = time.monotonic() + PATIENCE
        while not self.is_over and time.monotonic() < deadline:
            self.read(0.1)
        if not self.is_over:
            fail("the program did not end", self.seen())
        _, status = os.waitpid(self.child, 0)
        if os.waitstatus_to_exitcode(status) != code:
            fail(f"ended with {os.waitstatus_to_exitcode(status)}, not {code}", self.seen())


def main():
    terminal = Terminal(sys.argv[1:])
    for line in sys.stdin:
        step = json.loads(line)
        if "end" in step:
            terminal.end(step["end"])
        elif "kill" in step:
            os.kill(terminal.child, step["kill"])
        elif "until" in step:
            terminal.expect(step["until"], step["send"])
            terminal.settle()
        elif "expect" in step:
            terminal.expect(step["expect"])
        else:
            terminal.send(step["send"])


main()
