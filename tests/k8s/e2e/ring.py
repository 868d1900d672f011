"""One ring under test: its cluster, its logs, and the questions that every check asks of them."""
import json
import pathlib
import subprocess
import time

from .cluster import Trouble, wait_until
from .load import Load
from .logs import LiveLog, NodeLogs

RIGHT, UNPROVEN = 0, 2  # verify-logs' exit codes; 1 is wrong


class Ring:
    def __init__(self, options, report, cluster, folder):
        self.options, self.report, self.cluster = options, report, cluster
        self.url, self.folder = options.url, pathlib.Path(folder)
        self.live = LiveLog(cluster, folder)
        self.node_logs = NodeLogs(cluster) if cluster.node_exec else None
        self.verified = 0

    def stop(self):
        self.live.stop()
        if self.node_logs:
            self.node_logs.stop()

    # ---- getting to a known state

    def settle(self, count, timeout=180):
        """`count` pods, all ready, and all of one view."""
        self.cluster.wait_rolled_out(timeout)
        return self.live.wait_agreed(self.cluster, count, time.time(), timeout)

    def scale_to(self, count, timeout=180):
        """Scales, and says after how many seconds every pod's view agreed."""
        since = time.time()
        self.cluster.scale(count)
        if count == 0:
            wait_until("end of all pods", lambda: not self.cluster.pods(), timeout)
            return time.time() - since
        wait_until(f"{count} pods", lambda: len(self.cluster.pods()) == count, timeout)
        return self.live.wait_agreed(self.cluster, count, since, timeout)

    def load(self, rate=None, **more):
        return Load(self.url, rate or self.options.rate, **more)

    # ---- judging what happened

    def logs(self, name):
        """A file with all that the pods have said so far."""
        if not self.node_logs:
            return self.live.path
        path = self.folder / f"{name}.log"
        time.sleep(0.5)  # the keepers look every 0.3 s
        self.node_logs.save(path)
        return path

    def verify(self, check, ids=(), requests=None, failures_allowed=True):
        """Waits for the ends, reads all logs, runs verify-logs, and adds the check's rows to the table."""
        missing = self.live.wait_ended(ids)
        self.live.wait_quiet(self.cluster)
        self.verified += 1
        path = self.logs(f"verify-{self.verified}")
        # The nodes' files hold all that a killed process wrote; what was only followed may lack its last lines.
        whole = ["--logs-whole"] if self.node_logs else []
        done = subprocess.run([self.options.bin / "verify-logs", "--json", *whole, path], capture_output=True, text=True, timeout=600)
        try:
            found = json.loads(done.stdout)
        except ValueError:
            raise Trouble(f"verify-logs: exit code {done.returncode}, {done.stderr.strip()[-300:]}") from None
        figure = self.figure_of(found)
        if ids:
            figure = f"{len(set(ids))} confirmed, " + figure
        good = done.returncode == RIGHT if self.node_logs else done.returncode in (RIGHT, UNPROVEN)
        good = good and not (missing and self.node_logs and self.unended(path, missing))
        if requests is not None:
            figure += f"; {requests.figure()}"
            good = good and (failures_allowed or not requests.failed)
        self.report.row(check, good, figure)
        if not good:
            print(done.stdout[-3000:], done.stderr[-2000:], sep="\n", flush=True)
            if requests is not None and requests.failed:
                print("failed requests:", *requests.failed[:5], sep="\n  ", flush=True)
        if good and path != self.live.path and not self.options.keep_logs:
            path.unlink()
        return found

    @staticmethod
    def unended(path, ids):
        """Those of `ids` without an end in the file either: following may have missed the last lines of a killed pod."""
        left = set(ids)
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if '"completed"' in line or '"expired"' in line:
                    left -= {one for one in left if one in line}
        return left

    @staticmethod
    def figure_of(found):
        totals = found["totals"]
        counts = {one["finding"]: one["count"] for one in found["findings"]}
        unproven = sum(one["count"] for one in found["findings"] if one["severity"] == "unproven")
        wrong = {one["finding"]: one["count"] for one in found["findings"] if one["severity"] == "wrong"}
        return (f"{totals['lost']} lost, {unproven} unproven of {totals['messages']} messages so far, "
                f"{totals['visits_repeated']} of {totals['visits']} visits repeated, "
                f"{counts.get('ended_again_with_detours', 0)} second ends" + (f"; wrong: {wrong}" if wrong else ""))
