"""Turn the names that torch.profiler gives to Python functions, "file(line): function", into frames."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from throughput.model.place import place_of
from throughput.model.timeline import Frame

NAME = re.compile(r"^(?P<file>[^()<>\n]+\.pyx?)\((?P<line>\d{1,8})\): (?P<function>.+)$", re.DOTALL)
LIBRARIES = frozenset(
    """torch torchvision torchaudio torchtext torchdata torchrec torchmetrics functorch triton numpy scipy
    pandas PIL cv2 skimage sklearn h5py zarr lmdb pyarrow fsspec datasets transformers accelerate
    diffusers tokenizers huggingface_hub peft trl lightning pytorch_lightning lightning_fabric
    fastai ignite skorch keras tensorflow jax deepspeed fairscale megatron apex flash_attn xformers
    bitsandbytes timm mmcv mmengine detectron2 webdataset albumentations imageio librosa soundfile
    tqdm wandb mlflow tensorboard tensorboardX comet_ml neptune clearml rich hydra omegaconf yaml
    requests urllib3 boto3 botocore s3fs gcsfs ray dask distributed joblib einops sentencepiece
    safetensors psutil cloudpickle dill nvidia pynvml cupy numba matplotlib IPython ipykernel
    traitlets tornado zmq click typer attr pydantic packaging pkg_resources setuptools _pytest
    pytest""".split()
)
"""Packages that scripts of training import: torch.profiler leaves out the folder in which a package lies, so
that only its name tells it from a folder of the user's."""
PARTS_SHOWN = 3
"""Of an absolute path: whose home it lies in is nobody's business."""


def frames_of(names: Iterable[str]) -> dict[int, Frame]:
    """Return the frames of those names that are of Python functions, by the number of the name."""
    found = ((number, frame_of(name)) for number, name in enumerate(names) if "): " in name)
    return {number: frame for number, frame in found if frame is not None}


def stack_of(text: str) -> tuple[Frame, ...]:
    """Return the frames of a stack as one text, innermost first."""
    frames = (frame_of(part) for part in text.split(";"))
    return tuple(frame for frame in frames if frame is not None)


def frame_of(name: str) -> Frame | None:
    """Return the frame; None for C functions and modules, which have no file."""
    match = NAME.match(name.strip())
    if match is None:
        return None
    file, line, function = match.group("file"), int(match.group("line")), match.group("function")
    shown, module, own = place_of(file.replace("\\", "/"), "")
    if own and not shown.startswith("/"):
        top = shown.partition("/")[0].removesuffix(".py")
        own = top not in LIBRARIES and top not in sys.stdlib_module_names
        module = "" if own else re.sub(r"\.pyx?$", "", shown).replace("/", ".")
    if shown.startswith("/"):
        shown = "/".join(shown.split("/")[-PARTS_SHOWN:])
    return Frame(function=function, file=shown, line=line, own=own, first_line=line, module=module)
