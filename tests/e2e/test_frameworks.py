"""Training loops that a library runs: each step is counted once, and the library unwinds cleanly at the stop.

The libraries are the extra `dev-frameworks`, those of nightly tests `dev-nightly`; one that is missing is a
failure, not a skip.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.profiling import PRELUDE, QUICK, Ran, assert_done, profile

# An independent count: each call of the optimizer that truly trains, counted where it is made.
COUNTING = """
class Counted(torch.optim.SGD):
    def step(self, closure=None):
        counted()
        return super().step(closure)
"""


def run(tmp_path: Path, script: str, *options: str) -> Ran:
    """Profile a script with the library's own folders in the test's."""
    homes = {name: str(tmp_path / "home") for name in ("HOME", "HF_HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR")}
    return profile(
        tmp_path,
        PRELUDE + COUNTING + script,
        *QUICK,
        *options,
        **homes,
        HF_HUB_OFFLINE="1",
        KERAS_BACKEND="torch",
        CUDA_VISIBLE_DEVICES="",
    )


TRANSFORMERS = """
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                    intermediate_size=16, num_labels=2)
class Texts(torch.utils.data.Dataset):
    def __len__(self):
        return 2000
    def __getitem__(self, number):
        return {"input_ids": torch.arange(8) % 50, "labels": number % 2}
arguments = TrainingArguments("checkpoints", per_device_train_batch_size=4, gradient_accumulation_steps=2,
                              max_steps=200, report_to=[], use_cpu=True, save_strategy="no",
                              dataloader_num_workers=WORKERS, eval_strategy="steps", eval_steps=10)
model = BertForSequenceClassification(config)
optimizer = Counted(model.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
some = torch.utils.data.Subset(Texts(), range(16))
Trainer(model, arguments, train_dataset=Texts(), eval_dataset=some, optimizers=(optimizer, scheduler)).train()
"""


@pytest.mark.parametrize("workers", ["0", pytest.param("2", marks=pytest.mark.nightly)])
def test_hf_trainer_with_accumulation_and_evaluation(tmp_path: Path, workers: str) -> None:
    ran = run(tmp_path, TRANSFORMERS.replace("WORKERS", workers))
    assert_done(ran)
    assert {row["name"] for row in ran.report["regions"]} >= {"training_step"}


def test_accelerate(tmp_path: Path) -> None:
    script = """
from accelerate import Accelerator
accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
loader = torch.utils.data.DataLoader(data, 8)
model, optimizer, loader = accelerator.prepare(model, Counted(model.parameters(), lr=0.01), loader)
for epoch in range(50):
    for x, y in loader:
        with accelerator.accumulate(model):
            accelerator.backward(loss_of(x, y))
            optimizer.step()
            optimizer.zero_grad()
"""
    assert_done(run(tmp_path, script))


LIGHTNING = """
import lightning
class Net(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = model
        self.automatic_optimization = AUTOMATIC
    def training_step(self, batch, number):
        loss = torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])
        if not self.automatic_optimization:
            optimizer = self.optimizers()
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
        return loss
    def validation_step(self, batch, number):
        self.net(batch[0])
    def configure_optimizers(self):
        return Counted(self.parameters(), lr=0.01)
def loader():
    return torch.utils.data.DataLoader(data, 8)
trainer = lightning.Trainer(max_epochs=20, accelerator="cpu", devices=1, logger=False,
                            enable_checkpointing=False, enable_model_summary=False)
trainer.fit(Net(), loader(), loader())
"""


@pytest.mark.parametrize("automatic", ["True", "False"])
def test_lightning(tmp_path: Path, automatic: str) -> None:
    ran = run(tmp_path, LIGHTNING.replace("AUTOMATIC", automatic))
    assert_done(ran)
    assert {row["name"] for row in ran.report["regions"]} >= {"training_step"}


def test_skorch(tmp_path: Path) -> None:
    script = """
import numpy
import skorch
net = skorch.NeuralNetRegressor(model, criterion=torch.nn.MSELoss, optimizer=Counted, lr=0.01,
                                max_epochs=20, batch_size=8)
net.fit(data.tensors[0].numpy(), data.tensors[1].numpy())
"""
    assert_done(run(tmp_path, script))


def test_keras_on_torch(tmp_path: Path) -> None:
    # Keras has optimizers of its own, which torch's hooks don't see: a step is a batch with a backward.
    script = """
import keras
class Count(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        counted()
net = keras.Sequential([keras.Input((16,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(4)])
net.compile(optimizer="sgd", loss="mse", jit_compile=False)
net.fit(torch.utils.data.DataLoader(data, 8), epochs=20, callbacks=[Count()], verbose=0)
"""
    ran = run(tmp_path, script)
    assert_done(ran)


def test_keras_fed_with_arrays(tmp_path: Path) -> None:
    script = """
import keras
class Count(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        counted()
net = keras.Sequential([keras.Input((16,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(4)])
net.compile(optimizer="adam", loss="mse", jit_compile=False)
x, y = (part.numpy() for part in data.tensors)
net.fit(x, y, batch_size=8, epochs=20, callbacks=[Count()], verbose=0)
"""
    ran = run(tmp_path, script)
    assert_done(ran)


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["transformers", "lightning"])
def test_every_collector_at_once(tmp_path: Path, name: str) -> None:
    script = {
        "transformers": TRANSFORMERS.replace("WORKERS", "2"),
        "lightning": LIGHTNING.replace("AUTOMATIC", "True"),
    }[name]
    ran = run(tmp_path, script, "--collectors", "all", "--steps", "60")
    assert_done(ran)
    states = {c["name"]: c["state"] for c in ran.report["run"]["collectors"]}
    assert states["torch"] == states["cprofile"] == states["locks"] == "ok", states


@pytest.mark.nightly
def test_stable_baselines(tmp_path: Path) -> None:
    script = """
import stable_baselines3
agent = stable_baselines3.A2C("MlpPolicy", "CartPole-v1", device="cpu", seed=0, verbose=0, n_steps=8,
                              policy_kwargs={"optimizer_class": Counted, "optimizer_kwargs": {}})
agent.learn(20_000)
"""
    assert_done(run(tmp_path, script))


def test_a_loop_in_the_way_of_cleanrl(tmp_path: Path) -> None:
    # td3_continuous_action.py in small: an environment and a replay buffer, the actor every second step.
    script = """
import random
buffer = [(torch.randn(16), torch.randn(4)) for _ in range(100)]
actor = torch.nn.Linear(16, 4)
q_optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
actor_optimizer = torch.optim.RMSprop(actor.parameters(), lr=0.001)
def sample():
    x, y = zip(*random.sample(buffer, 8))
    return torch.stack(x), torch.stack(y)
for global_step in range(4000):
    with torch.no_grad():
        actor(torch.randn(1, 16))
    buffer[global_step % 100] = (torch.randn(16), torch.randn(4))
    if global_step < 25:
        continue
    x, y = sample()
    q_optimizer.zero_grad()
    loss_of(x, y).backward()
    q_optimizer.step()
    if global_step % 2 == 0:
        actor_optimizer.zero_grad()
        actor(x).mean().backward()
        counted()
        actor_optimizer.step()
"""
    assert_done(run(tmp_path, script))
