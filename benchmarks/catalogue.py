"""List real training programs that nobody here wrote: where each is found and how it runs offline, quickly.

Checkouts lie in the folder that THROUGHPUT_PROGRAMS names, one folder a repository. A program runs, unedited,
in a scratch folder that holds a copy of its own folder and data made on the spot.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import program_data as data
from benchmarks.runs import Command

STEPS = 320
"""Steps of a program that runs to its end: the window of 100, its warm-up and drops, and some to spare."""
OFFLINE = (("HF_HUB_OFFLINE", "1"), ("TRANSFORMERS_OFFLINE", "1"), ("HF_DATASETS_OFFLINE", "1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program: where it is, how it is run, what it needs, and what counts as a step of it."""

    name: str
    folder: str = ""
    """Copied to the scratch folder, relative to THROUGHPUT_PROGRAMS; empty for an installed package."""
    script: str
    """Relative to the folder, or `-m module`."""
    arguments: str = ""
    needs: tuple[str, ...] = ()
    """Packages that it imports."""
    prepare: Callable[[Path], None] = lambda _work: None
    """Makes its data in the scratch folder."""
    environment: tuple[tuple[str, str], ...] = ()
    counts: str = "optimizer"
    """What a step is: the least frequent optimizer that stepped three times or more, or `backward`."""
    uses_loader: bool = True
    """Its batches come from a DataLoader, so that training from cached batches can be tried."""

    def missing(self) -> str | None:
        """Return why it can't run here, or None."""
        absent = [name for name in self.needs if importlib.util.find_spec(name) is None]
        if absent:
            return f"not installed: {', '.join(absent)}"
        if self.folder and not (checkouts() / self.folder).is_dir():
            return f"no {self.folder} in THROUGHPUT_PROGRAMS"
        return None

    def set_up(self, work: Path) -> Command:
        """Return how to run it in the scratch folder, which then holds all that it needs."""
        place = work / Path(self.folder).name if self.folder else work
        if self.folder:
            shutil.copytree(checkouts() / self.folder, place, symlinks=True)
        self.prepare(place)
        words = (*self.script.split(), *self.arguments.split())
        return Command(arguments=words, cwd=place, environment=(*OFFLINE, *self.environment))


def checkouts() -> Path:
    """Return the folder of checkouts; one that doesn't exist where none is named."""
    return Path(os.environ.get("THROUGHPUT_PROGRAMS", "none-named")).absolute()


def _nanogpt(work: Path) -> None:
    data.character_tokens(work / "data" / "shakespeare_char")


def _text(name: str, count: int) -> Callable[[Path], None]:
    def write(work: Path) -> None:
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # The first words are those with which minGPT's chargpt begins a sample.
        path.write_text("O God, O God!\n" + data.words(count), encoding="utf-8")

    return write


def _lightning(work: Path) -> None:
    # It splits 60,000 images into 55,000 and 5,000, and looks in both places.
    data.mnist(work / "Datasets", 60_000, 256)
    (work / "data").symlink_to("Datasets")


def _mnist(batch: int) -> Callable[[Path], None]:
    def write(work: Path) -> None:
        data.mnist(work.parent / "data", batch * STEPS, 256)
        (work / "results").mkdir(exist_ok=True)  # vae writes samples there

    return write


def _corpus(work: Path) -> None:
    # Batches of 20 rows, 35 words a step.
    data.corpus(work / "corpus", 20 * 35 * STEPS)


def _sentences(work: Path) -> None:
    data.small_bert(work / "distilbert-base-uncased")
    data.sentence_pairs(work / "sentence-transformers" / "stsb", 16 * STEPS // 4)


def _fine_tuning(work: Path) -> None:
    data.small_gpt(work / "small-gpt")
    data.texts(work / "texts", 4 * 2 * STEPS)


def _preferences(work: Path) -> None:
    data.small_bert(work / "small-bert")
    data.preferences(work / "preferences", 4 * STEPS // 2)


QUIET_TRAINER = "--report_to none --logging_steps 50 --save_strategy no --use_cpu True --bf16 False"
SMALL_GPT = "--block_size=64 --batch_size=12 --n_layer=4 --n_head=4 --n_embd=128 --dropout=0.0"

PROGRAMS = (
    Program(
        name="nanoGPT",
        folder="nanoGPT",
        script="train.py",
        arguments="config/train_shakespeare_char.py --device=cpu --compile=False --eval_iters=5 "
        f"--log_interval=10 --eval_interval=100 --max_iters={STEPS} {SMALL_GPT}",
        prepare=_nanogpt,
        uses_loader=False,
    ),
    Program(
        name="makemore",
        folder="makemore",
        script="makemore.py",
        arguments=f"--max-steps {STEPS} --num-workers 2 --work-dir out",
        needs=("tensorboard",),
    ),
    Program(
        name="minGPT chargpt",
        folder="minGPT",
        script="projects/chargpt/chargpt.py",
        arguments=f"--trainer.max_iters={STEPS} --trainer.num_workers=2 --trainer.batch_size=16 "
        "--model.model_type=gpt-nano --data.block_size=64",
        prepare=_text("input.txt", 20_000),
        environment=(("PYTHONPATH", "."),),
    ),
    Program(
        name="examples word_language_model",
        folder="examples/word_language_model",
        script="main.py",
        arguments="--data corpus --epochs 1 --emsize 64 --nhid 64 --log-interval 50",
        prepare=_corpus,
        counts="backward",
        uses_loader=False,
    ),
    Program(
        name="examples mnist",
        folder="examples/mnist",
        script="main.py",
        arguments="--epochs 1 --batch-size 16",
        needs=("torchvision",),
        prepare=_mnist(16),
    ),
    Program(
        name="examples vae",
        folder="examples/vae",
        script="main.py",
        arguments="--epochs 1 --batch-size 64",
        needs=("torchvision",),
        prepare=_mnist(64),
    ),
    Program(
        name="examples dcgan",
        folder="examples/dcgan",
        script="main.py",
        arguments="--dataset fake --niter 3 --workers 2 --batchSize 8 --ngf 8 --ndf 8",
        needs=("torchvision",),
    ),
    Program(
        name="examples mnist_rnn",
        folder="examples/mnist_rnn",
        script="main.py",
        arguments="--epochs 1 --batch-size 64",
        needs=("torchvision",),
        prepare=_mnist(64),
    ),
    Program(
        name="cleanrl td3",
        folder="cleanrl",
        script="cleanrl/td3_continuous_action.py",
        arguments=f"--env-id MountainCarContinuous-v0 --total-timesteps {STEPS * 2 + 100} "
        "--learning-starts 100 --no-cuda",
        needs=("gymnasium", "tyro", "tensorboard"),
        environment=(("PYTHONPATH", "."),),
        uses_loader=False,
    ),
    Program(
        name="cleanrl ppo",
        folder="cleanrl",
        script="cleanrl/ppo.py",
        arguments="--total-timesteps 10240 --no-cuda",
        needs=("gymnasium", "tyro", "tensorboard"),
        environment=(("PYTHONPATH", "."),),
        uses_loader=False,
    ),
    Program(
        name="dlrm",
        folder="dlrm",
        script="dlrm_s_pytorch.py",
        arguments="--arch-sparse-feature-size 16 --arch-embedding-size 1000-1000-1000-1000 "
        "--arch-mlp-bot 13-64-16 --arch-mlp-top 64-32-1 --mini-batch-size 256 "
        f"--data-size {256 * STEPS} --print-freq 50",
    ),
    Program(
        name="skorch cli",
        folder="skorch/examples/cli",
        script="train.py",
        arguments="net --n_samples 20000 --batch_size 512 --max_epochs 11 "
        "--module__hidden_units 256 --module__num_hidden 3",
        needs=("skorch", "fire", "numpydoc"),
    ),
    Program(
        name="lightning classifier",
        folder="pytorch-lightning/examples",
        script="pytorch/basics/backbone_image_classifier.py",
        arguments=f"--trainer.max_epochs=1 --trainer.limit_train_batches={STEPS} "
        "--trainer.limit_val_batches=5 --trainer.limit_test_batches=5 --trainer.limit_predict_batches=5",
        needs=("lightning", "torchvision", "jsonargparse"),
        prepare=_lightning,
    ),
    Program(
        name="sentence-transformers stsb",
        folder="sentence-transformers/examples/sentence_transformer/training/sts",
        script="training_stsbenchmark_continue_training.py",
        arguments="distilbert-base-uncased",
        needs=("sentence_transformers", "datasets"),
        prepare=_sentences,
    ),
    Program(
        name="trl sft",
        script="-m trl.scripts.sft",
        arguments="--model_name_or_path small-gpt --dataset_name texts --output_dir out --max_length 64 "
        f"--per_device_train_batch_size 4 --gradient_accumulation_steps 2 --max_steps {STEPS} "
        f"--dataloader_num_workers 2 {QUIET_TRAINER}",
        needs=("trl", "datasets", "accelerate"),
        prepare=_fine_tuning,
    ),
    Program(
        name="trl reward",
        script="-m trl.scripts.reward",
        arguments="--model_name_or_path small-bert --dataset_name preferences --output_dir out "
        f"--max_length 64 --per_device_train_batch_size 4 --max_steps {STEPS} {QUIET_TRAINER}",
        needs=("trl", "datasets", "accelerate"),
        prepare=_preferences,
    ),
)
