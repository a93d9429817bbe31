"""Turn quantities into text: the only module that does, so that a figure reads the same everywhere.

No-break spaces stand before units; digits follow the uncertainty where one is given. What is not zero is
never shown as zero: it is shown as less than the last digit. What is no number was not measured.
"""

from __future__ import annotations

import math
from datetime import datetime, timezone

NBSP = "\u00a0"
NOT_MEASURED = "not measured"
TIMES = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"))
SIZES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
FLOPS = ((1e15, "PFLOP"), (1e12, "TFLOP"), (1e9, "GFLOP"), (1e6, "MFLOP"), (1e3, "kFLOP"))


def percent(share: float | None, half_width: float | None = None) -> str:
    """Return a share 0..1 as percent, with as many decimals as its interval's half width allows."""
    if share is None or not math.isfinite(share):
        return NOT_MEASURED
    value = share * 100
    if value == 0:
        return f"0{NBSP}%"
    digits = _decimals(value, None if half_width is None else half_width * 100)
    least = 10.0 ** -min(digits, 1)
    if 0 < value < least / 2 or (digits and 0 < value < 0.1):
        return f"<{least:.{min(digits, 1)}f}{NBSP}%"
    return f"{value:.{digits}f}{NBSP}%"


def money(amount: float | None, currency: str) -> str:
    """Return an amount with three digits, after a sign such as $ or before a code such as EUR."""
    if amount is None or not math.isfinite(amount):
        return NOT_MEASURED
    digits = max(2, 2 - math.floor(math.log10(amount))) if amount > 0 else 2
    text = f"{amount:,.{min(digits, 9)}f}"
    if not currency:
        return text
    return f"{text}{NBSP}{currency}" if currency.isalpha() else f"{currency}{text}"


def duration(ns: float | None, half_width_ns: float | None = None) -> str:
    """Return nanoseconds as the largest fitting of ns, us, ms, s, min, h."""
    if ns is None or not math.isfinite(ns):
        return NOT_MEASURED
    size_ = abs(ns)
    if size_ >= 3_600e9:
        return f"{ns / 3_600e9:.1f}{NBSP}h"
    if size_ >= 600e9:
        return f"{ns / 60e9:.0f}{NBSP}min"
    for scale, unit in TIMES:
        if size_ >= scale * 0.9995:  # 999.7 us is shown as 1.00 ms, not as 1,000 us
            half = None if half_width_ns is None else half_width_ns / scale
            return f"{_number(ns / scale, half)}{NBSP}{unit}"
    return f"{ns:.0f}{NBSP}{'ns' if ns else 'ms'}"


def difference(ns: float | None, half_width_ns: float | None = None) -> str:
    """Return a difference of two durations with its sign: "+38 ms", "−4.8 ms"."""
    if ns is None or not math.isfinite(ns) or ns == 0:
        return duration(ns)
    return f"{'+' if ns > 0 else '−'}{duration(abs(ns), half_width_ns)}"


def change(share: float | None, half_width: float | None = None) -> str:
    """Return a relative change with its sign: "+3.1 %", "−0.4 %"."""
    if share is None or not math.isfinite(share) or share == 0:
        return percent(share)
    return f"{'+' if share > 0 else '−'}{percent(abs(share), half_width)}"


def change_range(low: float, high: float) -> str:
    """Return "−0.4 to +6.5 %": the ends of a relative change's interval, one digit after the point."""
    return f"{_signed(low * 100)} to {_signed(high * 100)}{NBSP}%"


def duration_range(low_ns: float, high_ns: float) -> str:
    """Return "0.4 to 5.1 ms", both ends in the unit of the larger."""
    for scale, unit in TIMES:
        if abs(high_ns) >= scale * 0.9995:
            half = (high_ns - low_ns) / 2 / scale
            return f"{_number(low_ns / scale, half)} to {_number(high_ns / scale, half)}{NBSP}{unit}"
    return f"{low_ns:.0f} to {high_ns:.0f}{NBSP}ns"


def plus_minus(low: float | None, high: float | None) -> str:
    """Return the half width of an interval of shares as "± 1.2" (percentage points)."""
    if low is None or high is None:
        return ""
    half = max((high - low) / 2 * 100, 0.1)
    return f"±{NBSP}{half:.{min(1, _decimals(half, half))}f}"


def plus_minus_duration(ns: float, half_width_ns: float) -> str:
    """Return the half width of a duration's interval, "± 3", in the unit in which `duration` shows `ns`."""
    scale = next((scale for scale, _ in TIMES if abs(ns) >= scale * 0.9995), 1.0)
    scale = 60e9 if abs(ns) >= 600e9 else scale
    half = max(half_width_ns / (3_600e9 if abs(ns) >= 3_600e9 else scale), 0.01)
    return f"±{NBSP}{half:,.{_decimals(half, half)}f}"


def rate(per_s: float | None, unit: str) -> str:
    """Return a rate such as "12.3 steps/s"."""
    if per_s is None or not math.isfinite(per_s):
        return NOT_MEASURED
    return f"{_number(per_s, None)}{NBSP}{unit}/s"


def rate_range(low: float, high: float) -> str:
    """Return "12.1 to 12.6": the ends of a rate's interval, with the digits that their distance allows."""
    half = (high - low) / 2
    if half >= 0.01:
        return f"{_number(low, half)} to {_number(high, half)}"
    return f"{low:.3g} to {high:.3g}"


def size(count: float | None) -> str:
    """Return bytes as the largest fitting of B, kB, MB, GB (powers of 1000)."""
    if count is None or not math.isfinite(count):
        return NOT_MEASURED
    for scale, unit in SIZES:
        if abs(count) >= scale:
            return f"{_number(count / scale, None)}{NBSP}{unit}"
    return f"{count:.0f}{NBSP}B"


def ratio(value: float | None) -> str:
    """Return a factor such as "1.8x"."""
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    return f"{value:.2f}x" if value < 10 else f"{value:.0f}x"


def count(value: float | None) -> str:
    """Return a count with thousands separators; a fraction keeps three digits."""
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    if value == int(value):
        return f"{int(value):,}"
    return _number(value, None)


def plural(number: int, noun: str) -> str:
    """Return "1 step" or "1,200 steps"; a noun that ends in s, x, ch or sh takes "es"."""
    ending = "es" if noun.endswith(("s", "x", "ch", "sh")) else "s"
    return f"{number:,}{NBSP}{noun}{'' if number == 1 else ending}"


def flops(count: float | None) -> str:
    """Return floating point operations as the largest fitting of FLOP, kFLOP ... PFLOP."""
    if count is None or not math.isfinite(count):
        return NOT_MEASURED
    for scale, unit in FLOPS:
        if abs(count) >= scale * 0.9995:
            return f"{_number(count / scale, None)}{NBSP}{unit}"
    return f"{count:.0f}{NBSP}FLOP"


def quantity(value: float | None, unit: str) -> str:
    """Return a counter's value; `unit` is as in `model.timeline.Counter`, another one is printed as it is."""
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    if unit == "bytes":
        return size(value)
    if unit == "share":
        return percent(value)
    if unit == "count":
        return count(value)
    if unit == "ns":
        return duration(value)
    if unit == "bytes_per_s":
        return f"{size(value)}/s"
    suffix = {"per_s": "/s", "celsius": f"{NBSP}°C", "watt": f"{NBSP}W", "joule": f"{NBSP}J"}.get(
        unit, f"{NBSP}{unit}"
    )
    return f"{_number(value, None)}{suffix}"


def date_time(iso: str) -> str:
    """Return an ISO 8601 instant as "21 Nov 2026, 19:05 UTC"; what is no instant comes back unchanged."""
    try:
        moment = datetime.fromisoformat(iso.replace("Z", "+00:00"))
    except ValueError:
        return iso
    if moment.tzinfo is not None:
        moment = moment.astimezone(timezone.utc)
    month = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()[moment.month - 1]
    zone = " UTC" if moment.tzinfo is not None else ""
    return f"{moment.day} {month} {moment.year}, {moment:%H:%M}{zone}"


def _signed(value: float) -> str:
    shown = round(value, 1)
    return f"{'+' if shown > 0 else '−' if shown < 0 else ''}{abs(shown):.1f}"


def _decimals(value: float, half_width: float | None) -> int:
    if half_width is None:
        return 0 if abs(value) >= 9.95 else 1
    if half_width >= 0.995:  # 0.9999 is 1 that was computed
        return 0
    return 1 if half_width >= 0.0995 else 2


def _number(value: float, half_width: float | None) -> str:
    if half_width is not None:
        return f"{value:,.{_decimals(value, half_width)}f}"
    size_ = abs(value)
    if 0 < size_ < 0.1:
        return f"{value:.2g}"
    digits = 0 if size_ >= 99.95 else 1 if size_ >= 9.995 else 2
    return f"{value:,.{digits}f}"
