"""Hold the training scripts of the regression benchmark: a change is planted by two arguments."""

from __future__ import annotations

HEAD = """
import os, sys, threading, time
os.environ["OMP_NUM_THREADS"] = "1"
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

WHERE, SIZE = sys.argv[1], float(sys.argv[2])
torch.manual_seed(0)
torch.set_num_threads(1)

def more(component, count):
    # So many turns of work, more by the planted share of a step where this component has it.
    return count + (round(SIZE * STEP) if WHERE == component else 0)

def turn():
    return np.round(np.sqrt(PIXELS), 3)

PIXELS = np.random.default_rng(0).random(2000)
"""
LOOP = """
def main():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, WIDTH), torch.nn.ReLU(), torch.nn.Linear(WIDTH, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-9)
    for batch in DataLoader(Points(), batch_size=8):
        optimizer.zero_grad()
        for _ in range(more("compute_and_host", 0)):
            turn()
        wait()
        model(batch).sum().backward()
        optimizer.step()

main()
"""
DATASET = """
class Points(Dataset):
    def __len__(self):
        return 8 * 20_000
    def __getitem__(self, index):
        if index % 8 == 0:
            for _ in range(more("data_loading", LOADING)):
                turn()
        return torch.full((64,), float(index % 7))
"""
NO_WAIT = """
def wait():
    pass
"""
LOCKED = """
lock = threading.Lock()
turned = threading.Event()

def hold():
    while True:
        turned.wait()
        turned.clear()
        with lock:
            held.set()
            time.sleep(0.008 * (1 + 1.35 * SIZE * (WHERE == "lock_contention")))

held = threading.Event()
threading.Thread(target=hold, daemon=True).start()

def wait():
    # A lock that another thread holds for 8 ms of the 10 ms of a step.
    held.clear()
    turned.set()
    held.wait()
    with lock:
        pass
"""
SCRIPTS = {
    "loader": HEAD + "STEP, LOADING, WIDTH = 380, 360, 16\n" + DATASET + NO_WAIT + LOOP,
    "compute": HEAD + "STEP, LOADING, WIDTH = 290, 20, 16384\n" + DATASET + NO_WAIT + LOOP,
    "lock": HEAD + "STEP, LOADING, WIDTH = 620, 20, 16\n" + DATASET + LOCKED + LOOP,
}
"""STEP is about how many turns a step takes, so that a planted share is one of the step."""
COMPONENTS = {
    "loader": ("data_loading", "compute_and_host"),
    "compute": ("compute_and_host", "data_loading"),
    "lock": ("lock_contention", "data_loading"),
}
