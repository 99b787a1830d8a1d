"""Durations that were measured one by one, and what is reported of them."""
import collections


def quantile(samples, share):
    """The value that the given share (0 to 1) of the samples do not exceed."""
    return sorted(samples)[min(len(samples) - 1, int(share * len(samples)))]


class Samples:
    """Seconds, by what was measured and by whose it is."""

    def __init__(self):
        self.seconds = collections.defaultdict(list)

    def add(self, what, whose, seconds):
        self.seconds[what, whose].append(seconds)

    def median(self, what, whose):
        return quantile(self.seconds[what, whose], 0.5)

    def milliseconds(self, what, whose):
        """Median and 99th percentile."""
        samples = self.seconds[what, whose]
        return quantile(samples, 0.5) * 1e3, quantile(samples, 0.99) * 1e3

    def ratio(self, what, whose, to, share):
        """How many times as fast one is as another."""
        return quantile(self.seconds[what, to], share) / quantile(self.seconds[what, whose], share)
