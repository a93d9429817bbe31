"""Name the trials of compute settings: what each changes, in the script and in what it computes."""

from __future__ import annotations

from collections.abc import Sequence

from throughput.errors import UsageError
from throughput.flows.trial import Trial

ROUNDING = "rounding: sums in another order"
BATCH_SCALE = 2
KNOBS = ("batch", "bf16", "tf32", "compile", "foreach", "channels_last", "threads")

_NAMES = {
    "batch": f"batch size times {BATCH_SCALE}",
    "bf16": "autocast to bfloat16",
    "tf32": "float32 products in TF32",
    "compile": "torch.compile of each model",
    "foreach": "optimizer steps with foreach=True",
    "channels_last": "models in channels_last",
}
_NUMERICS = {
    "batch": "training: other batches, so learning rate and schedule may need another choice",
    "bf16": "precision: products in 8 bits of mantissa",
    "tf32": "precision: products in 10 bits of mantissa",
    "compile": ROUNDING,
    "foreach": None,
    "channels_last": ROUNDING,
}


def knob_trials(names: Sequence[str], cores: int) -> tuple[Trial, ...]:
    """Return the trials of the settings named, in that order; threads are tried at up to three numbers.

    Raises:
        UsageError: there is no such setting, or none is named.
    """
    unknown = [name for name in names if name not in KNOBS]
    if unknown or not names:
        what = f"There is no setting {unknown[0]} to try." if unknown else "--knobs names no setting."
        raise UsageError(what, hint=f"Choose among {', '.join(KNOBS)}.")
    return tuple(trial for name in dict.fromkeys(names) for trial in _trials(name, cores))


def _trials(name: str, cores: int) -> tuple[Trial, ...]:
    if name == "threads":
        counts = sorted({1, max(1, cores // 2), cores})
        return tuple(
            Trial(
                name=f"torch.set_num_threads({count})",
                knobs={"threads": count},
                numerics=ROUNDING,
                watched="threads",
            )
            for count in counts
        )
    knob = "batch_scale" if name == "batch" else name
    return (
        Trial(
            name=_NAMES[name],
            knobs={knob: BATCH_SCALE if name == "batch" else True},
            per_samples=name == "batch",
            numerics=_NUMERICS[name],
            watched=knob,
        ),
    )
