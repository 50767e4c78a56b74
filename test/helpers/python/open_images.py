"""Opens every format with images as trainers do, and prints what they would train on as one line of JSON."""

import hashlib
import json
import sys
from glob import glob
from io import BytesIO
from pathlib import Path

from datasets import load_dataset
from PIL import Image as Images

folder = sys.argv[1]
wanted = sys.argv[2:]


def seen(image):
    """Of the pixels as a loader has them."""
    rgb = image.convert("RGB")
    return {"size": list(rgb.size), "pixels": hashlib.sha256(rgb.tobytes()).hexdigest()}


def trained(row):
    """What diffusers' and Salesforce's scripts make of a row: only label_0 == 0 swaps the images, 0.5 is not filtered."""
    images = [Images.open(BytesIO(row[name])) for name in ("jpg_0", "jpg_1")]
    if row["label_0"] == 0:
        images.reverse()
    return {"caption": row["caption"], "label": row["label_0"], "win": seen(images[0]), "lose": seen(images[1])}


def parquet():
    files = {"train": f"{folder}/parquet/train-*.parquet"}
    by_index = load_dataset("parquet", data_files=files, split="train")
    stream = load_dataset("parquet", data_files=files, split="train", streaming=True)
    rows = [trained(row) for row in by_index]
    assert [trained(row) for row in stream] == rows
    return {"rows": rows, "columns": {name: str(by_index.features[name].dtype) for name in by_index.column_names}}


def webdataset():
    import webdataset as wds

    names = {"jpg_0": "jpg_0.jpg", "jpg_1": "jpg_1.jpg", "label_0": "label_0.txt", "caption": "original_prompt.txt"}
    shards = sorted(glob(f"{folder}/webdataset/train-*.tar"))
    samples = wds.WebDataset(shards, shardshuffle=False).decode("pil").rename(**names)
    rows = []
    for sample in samples:
        images = [sample["jpg_0"], sample["jpg_1"]]
        label = int(sample["label_0"])
        if label == 0:
            images.reverse()
        rows.append({"caption": sample["caption"], "label": label, "win": seen(images[0]), "lose": seen(images[1])})
    return {"rows": rows}


def imagefolder():
    ds = load_dataset("imagefolder", data_dir=f"{folder}/imagefolder", split="train")
    rows = [{"caption": row["prompt"], "label": 1, "win": seen(row["chosen"]), "lose": seen(row["rejected"])} for row in ds]
    return {"rows": rows}


def winlose():
    rows = []
    for caption in sorted(Path(folder, "winlose/train/win").glob("*.txt")):
        images = []
        for side in ("win", "lose"):
            [file] = [each for each in Path(folder, f"winlose/train/{side}").glob(f"{caption.stem}.*") if each.suffix != ".txt"]
            images.append(Images.open(file))
        rows.append({"caption": caption.read_text("utf-8"), "label": 1, "win": seen(images[0]), "lose": seen(images[1])})
    return {"rows": rows}


formats = {each.__name__: each for each in (parquet, webdataset, imagefolder, winlose)}
print(json.dumps({name: formats[name]() for name in wanted}))
