"""Nodes that behave as widespread custom nodes do. For `pnpm test:live`: copy this folder into ComfyUI's custom_nodes."""

import os

import folder_paths
import numpy as np
from PIL import Image


class ComfyDpoAlwaysRun:
    """Says by NaN, as many nodes do, that it is to run each time: ComfyUI writes that into the graph it embeds."""

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",)}}

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "run"
    CATEGORY = "comfy-dpo"

    @classmethod
    def IS_CHANGED(cls, **_):
        return float("nan")

    def run(self, image):
        return (image,)


class ComfyDpoPlainSaver:
    """Saves PNGs without a word of the workflow in them."""

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"images": ("IMAGE",), "filename_prefix": ("STRING", {"default": "ComfyUI"})}}

    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True
    CATEGORY = "comfy-dpo"

    def save(self, images, filename_prefix):
        height, width = images[0].shape[0], images[0].shape[1]
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
            filename_prefix, folder_paths.get_output_directory(), width, height
        )
        saved = []
        for index, image in enumerate(images):
            file = f"{name}_{counter + index:05}_.png"
            pixels = np.clip(255.0 * image.cpu().numpy(), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(os.path.join(folder, file))
            saved.append({"filename": file, "subfolder": subfolder, "type": "output"})
        return {"ui": {"images": saved}}


class ComfyDpoRaises:
    """Fails for one text, and for no other."""

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"image": ("IMAGE",), "text": ("STRING", {"default": ""})}}

    RETURN_TYPES = ("IMAGE",)
    FUNCTION = "run"
    CATEGORY = "comfy-dpo"

    def run(self, image, text):
        if "poison" in text:
            raise RuntimeError("this prompt is poison")
        return (image,)


NODE_CLASS_MAPPINGS = {
    "ComfyDpoAlwaysRun": ComfyDpoAlwaysRun,
    "ComfyDpoPlainSaver": ComfyDpoPlainSaver,
    "ComfyDpoRaises": ComfyDpoRaises,
}
