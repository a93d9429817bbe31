"""What a step is: whatever the script calls its optimizer, each of its steps is counted once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.profiling import PRELUDE, QUICK, assert_done, profile

LOOP = """
loader = torch.utils.data.DataLoader(data, batch_size=8)
for epoch in range(50):
    for x, y in loader:
        optimizer.zero_grad()
        loss_of(x, y).backward()
        counted()
        optimizer.step()
"""

OPTIMIZERS = {
    "plain": "optimizer = torch.optim.SGD(model.parameters(), lr=0.01)",
    "subclass": """
class Mine(torch.optim.AdamW):
    def step(self, closure=None):
        return super().step(closure)
optimizer = Mine(model.parameters(), lr=0.01)
""",
    "wrapper": """
class Wrapped:
    def __init__(self, inner):
        self.inner = inner
    def zero_grad(self):
        self.inner.zero_grad()
    def step(self):
        self.inner.step()
optimizer = Wrapped(torch.optim.Adam(model.parameters(), lr=0.01))
""",
    "wrapper that is an optimizer": """
class Lookahead(torch.optim.Optimizer):
    def __init__(self, inner):
        self.inner = inner
        super().__init__(inner.param_groups, {})
    def step(self, closure=None):
        return self.inner.step(closure)
optimizer = Lookahead(torch.optim.SGD(model.parameters(), lr=0.01))
""",
    "custom": """
class Sign(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})
    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(p.grad.sign(), alpha=group["lr"])
optimizer = Sign(model.parameters(), lr=0.001)
""",
    "with a scheduler": """
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5)
""",
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_step_is_counted_once(tmp_path: Path, name: str) -> None:
    ran = profile(tmp_path, PRELUDE + OPTIMIZERS[name] + LOOP, *QUICK)
    assert_done(ran)
    assert ran.window["step_rule"].endswith(".step")


def test_gradient_accumulation_counts_optimizer_steps(tmp_path: Path) -> None:
    script = """
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
loader = torch.utils.data.DataLoader(data, batch_size=4)
for epoch in range(50):
    for number, (x, y) in enumerate(loader):
        (loss_of(x, y) / 4).backward()
        if number % 4 == 3:
            counted()
            optimizer.step()
            optimizer.zero_grad()
"""
    ran = profile(tmp_path, PRELUDE + script, *QUICK)
    assert_done(ran)
    # Four batches of four make a step.
    assert ran.report["throughput"]["samples_per_s"] == pytest.approx(
        16 * ran.report["throughput"]["steps_per_s"], rel=0.01
    )


@pytest.mark.parametrize("ratio", [(1, 1), (5, 1), (1, 2)], ids=["1 to 1", "5 to 1", "1 to 2"])
def test_two_optimizers_make_one_step(tmp_path: Path, ratio: tuple[int, int]) -> None:
    script = f"""
critic = torch.nn.Linear(16, 1)
first = torch.optim.Adam(critic.parameters(), lr=0.01)
second = torch.optim.RMSprop(model.parameters(), lr=0.01)
for step in range(2000):
    counted()
    for _ in range({ratio[0]}):
        first.zero_grad()
        critic(torch.randn(8, 16)).mean().backward()
        first.step()
    for _ in range({ratio[1]}):
        second.zero_grad()
        model(torch.randn(8, 16)).mean().backward()
        second.step()
"""
    ran = profile(tmp_path, PRELUDE + script, *QUICK)
    assert_done(ran)
    assert ran.window["step_rule"] == ("RMSprop.step" if ratio[0] >= ratio[1] else "Adam.step")


def test_td3_delays_the_actor(tmp_path: Path) -> None:
    # The actor trains every second step of the critic: the rarer one is the step (RL papers count that too).
    script = """
critic = torch.nn.Linear(16, 1)
first = torch.optim.Adam(critic.parameters(), lr=0.01)
second = torch.optim.RMSprop(model.parameters(), lr=0.01)
for step in range(4000):
    first.zero_grad()
    critic(torch.randn(8, 16)).mean().backward()
    first.step()
    if step % 2:
        second.zero_grad()
        model(torch.randn(8, 16)).mean().backward()
        counted()
        second.step()
"""
    ran = profile(tmp_path, PRELUDE + script, *QUICK)
    assert_done(ran)
    assert ran.window["step_rule"] == "RMSprop.step"


def test_steps_that_a_grad_scaler_skips_count(tmp_path: Path) -> None:
    script = """
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
for step in range(500):
    loss = loss_of(torch.randn(8, 16), torch.randn(8, 4))
    if step % 4 == 1:
        loss = loss * float("inf")
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    counted()
    scaler.step(optimizer)
    scaler.update()
"""
    ran = profile(tmp_path, PRELUDE + script, *QUICK)
    assert_done(ran)


def test_lbfgs_makes_one_step_of_many_closures(tmp_path: Path) -> None:
    script = """
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.1, max_iter=5)
x, y = torch.randn(8, 16), torch.randn(8, 4)
def closure():
    optimizer.zero_grad()
    loss = loss_of(x, y)
    loss.backward()
    return loss
for step in range(500):
    counted()
    optimizer.step(closure)
"""
    ran = profile(tmp_path, PRELUDE + script, *QUICK)
    assert_done(ran)
    assert ran.window["step_rule"] == "LBFGS.step"


def test_an_optimizer_in_backward_for_each_parameter(tmp_path: Path) -> None:
    script = """
parameters = list(model.parameters())
optimizers = {p: torch.optim.SGD([p], lr=0.01, foreach=False) for p in parameters}
def apply(p):
    optimizers[p].step()
    optimizers[p].zero_grad()
for p in parameters:
    p.register_post_accumulate_grad_hook(apply)
for step in range(500):
    counted()
    loss_of(torch.randn(8, 16), torch.randn(8, 4)).backward()
"""
    ran = profile(tmp_path, PRELUDE + script, *QUICK)
    assert_done(ran)


def test_no_optimizer_counts_backward_calls(tmp_path: Path) -> None:
    script = """
for step in range(500):
    model.zero_grad()
    counted()
    loss_of(torch.randn(8, 16), torch.randn(8, 4)).backward()
    with torch.no_grad():
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-0.01)
"""
    ran = profile(tmp_path, PRELUDE + script, *QUICK)
    assert_done(ran)
    assert ran.window["step_rule"] == "backward calls"


def test_no_optimizer_but_a_loader_counts_batches_with_a_backward(tmp_path: Path) -> None:
    script = """
loader = torch.utils.data.DataLoader(data, batch_size=8)
for epoch in range(50):
    for x, y in loader:
        model.zero_grad()
        loss_of(x, y).backward()
        with torch.no_grad():
            for p in model.parameters():
                p.data.add_(p.grad, alpha=-0.01)
        counted()
"""
    ran = profile(tmp_path, PRELUDE + script, *QUICK)
    assert_done(ran)
    assert ran.window["step_rule"] == "loader batches followed by a backward"


def test_a_loader_without_backward_counts_batches(tmp_path: Path) -> None:
    script = """
loader = torch.utils.data.DataLoader(data, batch_size=8)
with torch.no_grad():
    for epoch in range(50):
        for x, y in loader:
            model(x)
            counted()
"""
    ran = profile(tmp_path, PRELUDE + script, *QUICK)
    assert_done(ran)
    assert ran.window["step_rule"] == "loader batches"


@pytest.mark.parametrize("name", ["tick", "train.tick", "Trainer.tick"])
def test_a_marker_beats_every_rule(tmp_path: Path, name: str) -> None:
    script = """
import time
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
def tick():
    counted()
class Trainer:
    def tick(self):
        counted()
trainer = Trainer()
if __name__ == "__main__":
    time.sleep(0.3)
    for step in range(2000):
        for _ in range(3):
            optimizer.zero_grad()
            loss_of(torch.randn(8, 16), torch.randn(8, 4)).backward()
            optimizer.step()
        CALL()
""".replace("CALL", "trainer.tick" if name == "Trainer.tick" else "tick")
    ran = profile(tmp_path, PRELUDE + script, *QUICK, "--marker", name.replace("train.", "__main__."))
    assert_done(ran)
    assert ran.window["step_rule"].startswith("calls of ")


def test_steps_that_raise_are_no_steps(tmp_path: Path) -> None:
    script = """
class Fragile(torch.optim.SGD):
    def step(self, closure=None):
        if number % 3 == 2:
            raise FloatingPointError("not finite")
        super().step(closure)
optimizer = Fragile(model.parameters(), lr=0.01)
for number in range(500):
    optimizer.zero_grad()
    loss_of(torch.randn(8, 16), torch.randn(8, 4)).backward()
    if number % 3 != 2:
        counted()
    try:
        optimizer.step()
    except FloatingPointError:
        pass
"""
    ran = profile(tmp_path, PRELUDE + script, *QUICK)
    assert_done(ran)


def test_a_new_optimizer_for_each_epoch_carries_on(tmp_path: Path) -> None:
    script = """
loader = torch.utils.data.DataLoader(data, batch_size=8)
kept = []
for epoch in range(50):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    kept.append(optimizer)
    for x, y in loader:
        optimizer.zero_grad()
        loss_of(x, y).backward()
        counted()
        optimizer.step()
"""
    ran = profile(tmp_path, PRELUDE + script, *QUICK, "--steps", "80")
    assert_done(ran)
    # Until a new one proves to carry on, its steps belong to none of the window's.
    assert ran.window["dropped"] > 0


def test_a_loader_read_in_another_thread(tmp_path: Path) -> None:
    script = """
import queue, threading
batches = queue.Queue(4)
def read():
    loader = torch.utils.data.DataLoader(data, batch_size=8)
    while True:
        for batch in loader:
            batches.put(batch)
threading.Thread(target=read, daemon=True).start()
for step in range(500):
    x, y = batches.get()
    model.zero_grad()
    counted()
    loss_of(x, y).backward()
"""
    ran = profile(tmp_path, PRELUDE + script, *QUICK)
    assert_done(ran)
    assert ran.window["step_rule"] == "backward calls"
