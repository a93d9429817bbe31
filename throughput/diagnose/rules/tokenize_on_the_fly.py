"""Finds text that is tokenized while training."""

from __future__ import annotations

import re

from throughput.diagnose import findings, reading
from throughput.diagnose.examples import facts, loading
from throughput.diagnose.ranking import GENERAL_LOADING, SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

TOKENIZERS = re.compile(
    r"tokeni[sz]|tiktoken|sentencepiece|(^|site-packages/)(spacy|nltk|sacremoses)[/.]|\.encode_batch\(|\bbpe\b",
    re.IGNORECASE,
)
FIX = (
    "Tokenize once before training and store the numbers:\n"
    '    ids = tokenizer(texts)["input_ids"]; np.save(path, np.concatenate(ids).astype(np.uint16))\n'
    "or give a fast (Rust) tokenizer whole batches instead of one text at a time."
)


def check(facts: Facts) -> Finding | None:
    """See text turned into tokens in the data pipeline.

    Why it costs: the same text gives the same tokens in each epoch; a tokenizer in Python makes about 1
    MB/s, a fast one 5 to 20 MB/s on a core.
    How to fix: tokenize ahead and memory-map the result; otherwise batch a fast tokenizer.
    When it is wrong: the text differs each time (augmentation, streaming data seen once).
    Sources: Hugging Face datasets' documentation (map, caching); tokenizers' documentation.
    """
    found = reading.matching(facts, reading.places(facts, Category.DATA_LOADING), TOKENIZERS)
    return findings.at_places(facts, found, ("Text is tokenized while training", FIX))


def _fires() -> tuple[Facts, ...]:
    call = "site-packages/transformers/tokenization_utils_base.py:2800"
    token = loading("transformers.PreTrainedTokenizer.__call__", 0.3, call, caller="data.py:15")
    own = {"data.py": {10: "        ids = self.tokenizer.encode(text)"}}
    return (
        facts({Category.DATA_LOADING: 0.4}, (token,)),
        facts({Category.DATA_LOADING: 0.4}, (loading("Texts.__getitem__", 0.3),), sources=own),
    )


def _quiet() -> tuple[Facts, ...]:
    return (
        facts({Category.DATA_LOADING: 0.4}, (loading("Images.__getitem__", 0.3),)),
        facts({Category.DATA_LOADING: 0.4}, (loading("tokenizers.Tokenizer.encode", 0.02),)),
    )


RULE = SpecificRule(
    name="tokenize-on-the-fly",
    check=check,
    requires=("stacks",),
    fires=_fires,
    quiet=_quiet,
    supersedes=(*GENERAL_LOADING, "python-loop-in-dataset"),
)
