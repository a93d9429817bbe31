"""Make, from a seed, the data and models that real training programs expect: nothing is downloaded."""

from __future__ import annotations

import importlib
import json
import pickle
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np

WORDS = 2000


def words(count: int, seed: int = 0, different: int = WORDS) -> str:
    """Return a text of that many made-up words, often ones more often, about twenty a line."""
    draw = random.Random(seed)
    known = [
        "".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(different)
    ]
    weights = [1 / (rank + 1) for rank in range(different)]
    drawn = draw.choices(known, weights, k=count)
    return "\n".join(" ".join(drawn[start : start + 20]) for start in range(0, count, 20)) + "\n"


def character_tokens(folder: Path, count: int = 200_000, vocabulary: int = 65) -> None:
    """Write train.bin, val.bin and meta.pkl, the form of nanoGPT's character data."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    for name, size in (("train", count), ("val", count // 10)):
        draw.integers(0, vocabulary, size).astype(np.uint16).tofile(folder / f"{name}.bin")
    letters = {number: chr(32 + number) for number in range(vocabulary)}
    meta = {"vocab_size": vocabulary, "itos": letters, "stoi": {v: k for k, v in letters.items()}}
    (folder / "meta.pkl").write_bytes(pickle.dumps(meta))


def mnist(folder: Path, train: int, test: int) -> None:
    """Write the four raw files of MNIST, with noise for digits, where torchvision looks for them."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    for name, size in (("train", train), ("t10k", test)):
        images = draw.integers(0, 256, (size, 28, 28), dtype=np.uint8)
        labels = draw.integers(0, 10, size, dtype=np.uint8)
        (raw / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, size, 28, 28) + images.data)
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, size) + labels.data)


def corpus(folder: Path, train: int) -> None:
    """Write train.txt, valid.txt and test.txt of a word-level language model."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, size) in enumerate((("train", train), ("valid", 2000), ("test", 2000))):
        (folder / f"{name}.txt").write_text(words(size, seed), encoding="utf-8")


def word_tokenizer(folder: Path) -> None:
    """Write a word-level tokenizer over the made-up words, in the form that transformers loads."""
    tokenizers, transformers = _load("tokenizers"), _load("transformers")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    known = dict.fromkeys([*special, *words(40_000).split()])
    vocabulary = {word: number for number, word in enumerate(known)}
    words_only = tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]")  # noqa: S106
    tokenizer = tokenizers.Tokenizer(words_only)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    names = dict(zip(("pad", "unk", "cls", "sep", "mask"), special, strict=True))
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=128,
        eos_token="[SEP]",  # noqa: S106
        **{f"{name}_token": token for name, token in names.items()},
    )
    fast.save_pretrained(folder)


def small_bert(folder: Path) -> None:
    """Write a DistilBERT of two layers with random weights, and its tokenizer."""
    transformers = _load("transformers")
    word_tokenizer(folder)
    size = {"vocab_size": WORDS + 5, "dim": 128, "n_layers": 2, "n_heads": 2, "hidden_dim": 256}
    model = transformers.DistilBertModel(transformers.DistilBertConfig.from_dict(size))
    model.save_pretrained(folder)


def small_gpt(folder: Path) -> None:
    """Write a GPT-2 of two layers with random weights, and its tokenizer."""
    transformers = _load("transformers")
    word_tokenizer(folder)
    size = {"vocab_size": WORDS + 5, "n_embd": 128, "n_layer": 2, "n_head": 2, "n_positions": 256}
    ends = {"eos_token_id": 3, "bos_token_id": 2}
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config.from_dict(size | ends))
    model.save_pretrained(folder)


def texts(folder: Path, count: int) -> None:
    """Write a data set of texts as train.jsonl."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = words(count * 40).splitlines()
    rows: list[dict[str, object]] = [{"text": " ".join(lines[2 * row : 2 * row + 2])} for row in range(count)]
    _write_rows(folder / "train.jsonl", rows)


def sentence_pairs(folder: Path, train: int) -> None:
    """Write a data set of sentence pairs with their similarity: train, validation and test."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(0)
    for seed, (name, count) in enumerate((("train", train), ("validation", 100), ("test", 100))):
        lines = words(count * 40, seed).splitlines()
        rows = [
            {"sentence1": lines[2 * row], "sentence2": lines[2 * row + 1], "score": draw.random()}
            for row in range(count)
        ]
        _write_rows(folder / f"{name}.jsonl", rows)


def preferences(folder: Path, count: int) -> None:
    """Write a data set of prompts, each with a better and a worse answer, as train.jsonl."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = words(count * 60).splitlines()
    rows: list[dict[str, object]] = [
        {"prompt": lines[3 * row], "chosen": lines[3 * row + 1], "rejected": lines[3 * row + 2]}
        for row in range(count)
    ]
    _write_rows(folder / "train.jsonl", rows)


def _load(name: str) -> Any:
    """Return an optional package, untyped: it is installed only where programs that need it are run."""
    return importlib.import_module(name)


def _write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
