"""Scores pictures for comfy-dpo's http judge: POST /score {prompt, images: [{id, b64 | url}]} -> {scores: [{id, score}], model}.

`./serve pickscore` installs what a model needs and starts this. `--fake` needs neither torch nor a GPU.
"""

import argparse
import base64
import binascii
import hashlib
import io
import math
import os
import threading
from pathlib import Path
from typing import Callable, Optional
from urllib.parse import unquote, urlsplit

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel

# Bytes of pictures in, a score each out; None where it cannot tell (a file that is no picture), never 0.
Score = Callable[[str, list[bytes]], list[Optional[float]]]


class Picture(BaseModel):
    id: str
    b64: Optional[str] = None
    url: Optional[str] = None


class Question(BaseModel):
    prompt: str
    images: list[Picture]


def fake() -> Score:
    """A number from the bytes alone: the same for the same, and no judgement."""

    def score(prompt: str, pictures: list[bytes]) -> list[Optional[float]]:
        digests = [hashlib.sha256(prompt.encode() + b"\0" + picture).digest() for picture in pictures]
        return [int.from_bytes(digest[:4], "big") / 2**32 if picture else None for digest, picture in zip(digests, pictures)]

    return score


def decoded(picture: bytes):
    """An RGB picture, None where the bytes are none."""
    from PIL import Image

    try:
        return Image.open(io.BytesIO(picture)).convert("RGB")
    except Exception:  # PIL raises whatever a broken file makes it stumble over.
        return None


def each(score_one: Callable) -> Score:
    """Scores the pictures that can be decoded, one by one."""

    def score(prompt: str, pictures: list[bytes]) -> list[Optional[float]]:
        images = [decoded(picture) for picture in pictures]
        return [None if image is None else float(score_one(prompt, image)) for image in images]

    return score


def pickscore(device: str) -> Score:
    """PickScore v1 through transformers. Source: its model card, huggingface.co/yuvalkirstain/PickScore_v1."""
    import torch
    from transformers import AutoModel, AutoProcessor

    processor = AutoProcessor.from_pretrained("laion/CLIP-ViT-H-14-laion2B-s32B-b79K")
    model = AutoModel.from_pretrained("yuvalkirstain/PickScore_v1").eval().to(device)

    @torch.inference_mode()
    def score(prompt: str, pictures: list[bytes]) -> list[Optional[float]]:
        images = [decoded(picture) for picture in pictures]
        known = [image for image in images if image is not None]
        if not known:
            return [None] * len(images)
        # CLIP reads 77 tokens; what a prompt says after them it never sees.
        texts = processor(text=[prompt], padding=True, truncation=True, max_length=77, return_tensors="pt").to(device)
        pixels = processor(images=known, return_tensors="pt").to(device)
        text = torch.nn.functional.normalize(model.get_text_features(**texts), dim=-1)
        seen = torch.nn.functional.normalize(model.get_image_features(**pixels), dim=-1)
        found = iter((model.logit_scale.exp() * (seen @ text.T)).squeeze(1).tolist())
        return [None if image is None else next(found) for image in images]

    return score


def hpsv2(device: str) -> Score:
    """HPS v2.1 through the package hpsv2, its weights read once: hpsv2.score() reads them again at every call."""
    import torch
    from huggingface_hub import hf_hub_download
    from hpsv2.img_score import initialize_model, model_dict
    from hpsv2.src.open_clip import get_tokenizer
    from hpsv2.utils import hps_version_map

    initialize_model()
    model = model_dict["model"]
    weights = torch.load(hf_hub_download("xswu/HPSv2", hps_version_map["v2.1"]), map_location=device)
    model.load_state_dict(weights["state_dict"])
    model = model.to(device).eval()
    tokenize = get_tokenizer("ViT-H-14")

    @torch.inference_mode()
    def score_one(prompt: str, image) -> float:
        pixels = model_dict["preprocess_val"](image).unsqueeze(0).to(device)
        seen = model(pixels, tokenize([prompt]).to(device))
        return (seen["image_features"] @ seen["text_features"].T).item()

    return each(score_one)


def imagereward(device: str) -> Score:
    """ImageReward v1.0 through the package image-reward; it reads 35 tokens of a prompt."""
    import ImageReward
    import torch

    model = ImageReward.load("ImageReward-v1.0", device=device)

    @torch.inference_mode()
    def score(prompt: str, pictures: list[bytes]) -> list[Optional[float]]:
        return [None if decoded(picture) is None else model.score(prompt, io.BytesIO(picture)) for picture in pictures]

    return score


MODELS = {"pickscore": pickscore, "hpsv2": hpsv2, "imagereward": imagereward}


def bytes_of(picture: Picture, files: Optional[Path]) -> bytes:
    """What was sent, or what a file:/// URL below --files names."""
    if picture.b64 is not None:
        try:
            return base64.b64decode(picture.b64, validate=True)
        except binascii.Error as error:
            raise HTTPException(400, f"image {picture.id}: no base64: {error}")
    url = urlsplit(picture.url or "")
    if url.scheme != "file" or files is None:
        raise HTTPException(400, f"image {picture.id}: expected b64, or a file:/// URL and this server started with --files FOLDER")
    path = Path(unquote(url.path)).resolve()
    if not path.is_relative_to(files):
        raise HTTPException(403, f"image {picture.id}: {path} is not below {files}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise HTTPException(404, f"image {picture.id}: {error}")


def make_app(name: str, score: Score, files: Optional[Path]) -> FastAPI:
    app = FastAPI(title=f"{name} for comfy-dpo")
    one_at_a_time = threading.Lock()  # A GPU gains nothing from two batches at once, and may lack the memory.
    token = os.environ.get("SCORER_TOKEN")

    def authorized(authorization: Optional[str] = Header(default=None)) -> None:
        if token and authorization != f"Bearer {token}":
            raise HTTPException(401, "expected the header authorization: Bearer with the SCORER_TOKEN of this server")

    @app.post("/score", dependencies=[Depends(authorized)])
    def answer(question: Question) -> dict:
        pictures = [bytes_of(picture, files) for picture in question.images]
        with one_at_a_time:
            scores = score(question.prompt, pictures) if pictures else []
        known = [value if value is not None and math.isfinite(value) else None for value in scores]
        return {"scores": [{"id": picture.id, "score": value} for picture, value in zip(question.images, known)], "model": name}

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=sorted(MODELS))
    parser.add_argument("--fake", action="store_true", help="numbers from the bytes: to try things out")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, mps, cpu")
    parser.add_argument("--host", default="127.0.0.1", help="another than the default lets others in: set SCORER_TOKEN")
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--files", type=Path, help="take file:/// URLs below this folder, for send: url")
    options = parser.parse_args()
    if options.fake == (options.model is not None):
        parser.error("expected --model NAME or --fake")
    name = "fake" if options.fake else options.model
    score = fake() if options.fake else MODELS[options.model](options.device)
    files = options.files.resolve() if options.files else None
    uvicorn.run(make_app(name, score, files), host=options.host, port=options.port, log_level="warning" if options.fake else "info")


if __name__ == "__main__":
    main()
