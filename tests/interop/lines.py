"""Log lines as proto-docs/log-lines.md says, with what verify-logs needs of each."""

import datetime
import json
import sys


class Log:
    """Lines of one turn are written together, before anything is sent that depends on them."""

    def __init__(self, pod, boot, output=sys.stdout):
        self.pod, self.boot, self.output = pod, boot, output
        self.seq = 0
        self.waiting = []

    def line(self, event, level="info", **fields):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        line = dict(ts=now, level=level, event=event, pod=self.pod, boot=f"{self.boot:016x}", seq=self.seq, **fields)
        self.seq += 1
        self.waiting.append(json.dumps(line, ensure_ascii=True, separators=(",", ":")))

    def write(self):
        if self.waiting:
            self.output.write("\n".join(self.waiting) + "\n")
            self.output.flush()
            self.waiting = []
