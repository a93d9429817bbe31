"""Describe the useful work of steps: FLOPs that could be counted, by module, and batches without padding."""

from __future__ import annotations

from dataclasses import dataclass

from throughput.model.category import Category


@dataclass(frozen=True, slots=True, kw_only=True)
class Padding:
    """How many tokens some batches held, and how many of them were no padding.

    Raises:
        ValueError: more useful tokens than tokens.
    """

    batches: int
    tokens: int
    useful: int
    source: str
    """attention_mask, or labels where a batch has no mask (label -100 is padding then)."""

    def __post_init__(self) -> None:
        if not 0 <= self.useful <= self.tokens:
            raise ValueError(f"{self.useful} useful tokens of {self.tokens}")

    @property
    def share(self) -> float:
        """The part of the tokens that is padding."""
        return 1 - self.useful / self.tokens if self.tokens else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleWork:
    """What calls of one module took over the shaped steps, without the modules inside it."""

    name: str
    """Path from the outermost module that was called, layer numbers as *; "" is what no module holds."""
    kind: str
    """Class of the module, or `compiled region`."""
    calls: int
    forward_ns: int
    backward_ns: int
    flops: float
    """Forward and backward."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Sums over the steps in which torch.profiler recorded shapes; no steps: not measured."""

    steps: int = 0
    start_ns: int = 0
    end_ns: int = 0
    flops: float = 0.0
    coverage: float = 0.0
    """The part of the operators' time that belongs to operators whose FLOPs are known."""
    uncounted: tuple[tuple[str, float], ...] = ()
    """Operators whose FLOPs are not known, with their part of the operators' time, the largest first."""
    dtype: str | None = None
    """Of most FLOPs, as torch names it (`float32`)."""
    on_device: bool = False
    """Times are those of kernels on a device."""
    modules: tuple[ModuleWork, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """The most that a device or this machine's CPUs were seen, or are said, to do."""

    flops_per_s: float
    source: str
    """table (the vendor's figure) or measured (`throughput doctor --bench`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mfu:
    """Model FLOPs utilisation: FLOPs a second over the ceiling of the device, for the dtype of most FLOPs."""

    value: float
    peak: float
    """FLOP/s."""
    peak_source: str
    """table or measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleRow:
    """A module's part of a clean step, without the modules inside it; None where it can't be known."""

    name: str
    kind: str
    calls_per_step: float
    forward_ns: float | None
    backward_ns: float | None
    share: float | None
    """Forward and backward, of the step."""
    flops_per_step: float
    ceiling_share: float | None
    """Its FLOPs a second over the ceiling; None without a ceiling, or without FLOPs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionPart:
    """What a category takes of a step inside one region."""

    category: Category
    ns_per_step: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionRow:
    """One of the script's own ranges, without the ranges inside it; all rows sum to the step."""

    name: str
    """Path of names, joined by " / "; "" is what lies outside of all ranges."""
    ns_per_step: float
    share: float
    low: float
    high: float
    parts: tuple[RegionPart, ...]
    """By category; they sum to the row."""
