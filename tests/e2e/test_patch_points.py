"""A torch that lacks what we patch: said of the collector, with what is lost; the run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.e2e.profiling import PRELUDE, Ran, profile

FAKE = """
import pathlib, sys
_here = pathlib.Path(__file__).parent.parent
_real = next(pathlib.Path(p) / "torch" for p in sys.path if pathlib.Path(p).resolve() != _here.resolve()
             and (pathlib.Path(p) / "torch" / "__init__.py").exists())
__path__, __file__ = [str(_real)], str(_real / "__init__.py")
exec(compile((_real / "__init__.py").read_bytes(), __file__, "exec"), globals())
"""
"""The torch that is installed, under a package of ours: what follows takes away from it."""

LOOP = (
    PRELUDE
    + """
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(9):
    for x, y in torch.utils.data.DataLoader(data, batch_size=16):
        optimizer.zero_grad()
        loss_of(x, y).backward()
        optimizer.step()
        counted()
"""
)


def with_torch(tmp_path: Path, taken: str) -> Ran:
    package = tmp_path / "fake" / "torch"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(FAKE + taken, encoding="utf-8")
    options = ("--collectors", "loader,copies", "--warmup", "4")
    return profile(tmp_path, LOOP, *options, PYTHONPATH=str(tmp_path / "fake"))


def states(file: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {c["name"]: (c["state"], c["reason"]) for c in file["collectors"]}


def test_a_point_that_torch_lacks_is_named_in_both_files(tmp_path: Path) -> None:
    ran = with_torch(
        tmp_path,
        "del sys.modules['torch.optim.optimizer'].register_optimizer_step_post_hook\n"
        "del torch.amp.grad_scaler.GradScaler.step\n",
    )
    assert ran.code == 0, ran.text
    state, reason = states(ran.report["run"])["light"]
    assert (state, reason) == states(ran.run)["light"]
    assert state == "partial"
    assert reason is not None
    assert "has no torch.optim.optimizer.register_optimizer_step_post_hook: steps are counted by" in reason
    assert "has no torch.amp.grad_scaler.GradScaler.step: skipped steps are not counted" in reason
    assert "register_optimizer_step_post_hook" in (ran.out / "report.md").read_text("utf-8").replace("\\", "")
    assert "backward" in ran.window["step_rule"]
    assert ran.window["kept"] == 16


def test_a_collector_without_any_of_its_points_is_unavailable(tmp_path: Path) -> None:
    ran = with_torch(tmp_path, "torch.Tensor.to = torch.Tensor.pin_memory = None\n")
    assert ran.code == 0, ran.text
    state, reason = states(ran.report["run"])["copies"]
    assert state == "unavailable"
    assert reason is not None
    assert reason.startswith("torch ")
    assert "has no torch.Tensor.to: host-to-device copies are not timed" in reason
    assert states(ran.report["run"])["light"] == ("ok", None)
