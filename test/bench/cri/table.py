"""Durations of several sides in one table: median and 99th percentile of each, and how many times as fast as the first
the others are."""
from .sides import TITLES

LABEL = 41


class Table:
    def __init__(self, label, sides):
        self.sides, (self.first, *self.others) = sides, sides
        print(f"{'':{LABEL}}" + "".join(f"  {TITLES[side]:>17}" for side in sides)
              + "".join(f"  {TITLES[self.first] + ' / ' + TITLES[side]:>25}" for side in self.others))
        print(f"{label:{LABEL}}" + f"  {'p50':>8} {'p99':>8}" * len(sides)
              + f"  {'p50':>16} {'p99':>8}" * len(self.others))

    def row(self, label, samples, what):
        columns = [f"{label:{LABEL}}"]
        has = {side: bool(samples.seconds[what, side]) for side in self.sides}
        for side in self.sides:
            columns.append("{:8.2f} {:8.2f}".format(*samples.milliseconds(what, side)) if has[side] else f"{'-':>17}")
        for side in self.others:
            if not (has[side] and has[self.first]):
                columns.append(f"{'-':>25}")
                continue
            p50, p99 = (samples.ratio(what, side, self.first, share) for share in (0.5, 0.99))
            columns.append(f"{p50:16.2f} {p99:8.2f}")
        print("  ".join(columns), flush=True)
