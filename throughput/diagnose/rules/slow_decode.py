"""Finds decoding of images, sound or video that the step waits for."""

from __future__ import annotations

import re

from throughput.diagnose import findings, reading
from throughput.diagnose.examples import facts, loader, loading
from throughput.diagnose.ranking import GENERAL_LOADING, SpecificRule
from throughput.model.category import Category
from throughput.model.finding import Facts, Finding

DECODERS = re.compile(
    r"(^|site-packages/)PIL[/.]|\bImage\.open\(|imdecode|imread|decode_(jpeg|png|image|webp)|read_image"
    r"|turbojpeg|(^|site-packages/)(imageio|skimage[/.]io|soundfile|librosa|decord|torchcodec|av)[/.]"
    r"|torchaudio\.load|read_video|^decode$"
)
FIX = (
    "Decode less: store the images at the size that the model takes, or let the decoder shrink them "
    '(image.draft("RGB", size) before Image.open(...).convert() decodes); else use a faster decoder such as '
    "torchvision.io.decode_jpeg (which can decode on the device) or Pillow-SIMD."
)


def check(facts: Facts) -> Finding | None:
    """See the decoding of images, sound or video take step time.

    Why it costs: a JPEG of a camera has 20 times the pixels of a 224 x 224 crop, and each of them is
    decoded on the CPU, for each sample, in each epoch.
    How to fix: store files at the size that is used, decode at a reduced scale, use a SIMD decoder or the
    device's, or keep decoded samples where memory allows.
    When it is wrong: the files are small already and all CPUs are busy with decoding that can't be
    avoided.
    Sources: DS-Analyzer (VLDB'21), PRESTO (SIGMOD'22), NVIDIA DALI's documentation.
    """
    found = reading.matching(facts, reading.places(facts, Category.DATA_LOADING), DECODERS)
    return findings.at_places(facts, found, ("Decoding files takes the data pipeline's time", FIX))


def _fires() -> tuple[Facts, ...]:
    image = loading(
        "PIL.ImageFile.ImageFile.load", 0.3, "site-packages/PIL/ImageFile.py:200", caller="data.py:12"
    )
    opened = loading("Images.__getitem__", 0.2, "data.py:12")
    return (
        facts({Category.DATA_LOADING: 0.5}, (image,), loader=loader()),
        facts(
            {Category.DATA_LOADING: 0.5},
            (opened,),
            sources={"data.py": {12: '    image = Image.open(path).convert("RGB")'}},
        ),
    )


def _quiet() -> tuple[Facts, ...]:
    return (
        facts({Category.DATA_LOADING: 0.5}, (loading("numpy.round", 0.5),)),
        facts({Category.DATA_LOADING: 0.02}, (loading("cv2.imdecode", 0.02),)),
    )


RULE = SpecificRule(
    name="slow-decode",
    check=check,
    requires=("stacks",),
    supersedes=GENERAL_LOADING,
    fires=_fires,
    quiet=_quiet,
)
