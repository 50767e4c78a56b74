import { NODE_DEFINITIONS_JSONL, NEWER_NODE_DEFINITIONS_JSONL } from "./node-definitions.ts";
import { isPyDict, loadsPython, type PyDict } from "../python-json.ts";

/** A release of ComfyUI that the emulator can play, as far as a client can tell it from another. */
export interface Release {
  readonly version: string;
  /** Whose prompt_ids it uses. See EmulatorOptions. */
  readonly promptIds: "any" | "uuid";
  /** GET /api/jobs, GET /api/jobs/ID and POST /api/jobs/ID/cancel. */
  readonly jobsApi: boolean;
  /** /object_info of its classes, one a line. */
  readonly nodeDefinitions: string;
  /** GET /node_replacements; undefined where it has none, and what POST /prompt does with old classes. */
  readonly replacements: PyDict | undefined;
  /** The body of GET /features. */
  readonly features: PyDict;
  /** The body of GET /models. */
  readonly modelFolders: readonly string[];
  /** The part of GET /system_stats about the program, without its arguments. */
  readonly system: PyDict;
  /** It notes in extra_data when a prompt came, and shows no credentials in the queue. */
  readonly notesArrival: boolean;
  /** A node that it cannot run is `missing_node_type`, with what is known of it; `invalid_prompt` before. */
  readonly namesMissingNodes: boolean;
}

export const RELEASE_NAMES = ["0.3.64", "0.33.0"] as const;
export type ReleaseName = (typeof RELEASE_NAMES)[number];

/** The releases that were recorded. A function: the texts are read when they are needed. */
export function releaseOf(name: ReleaseName): Release {
  return name === "0.3.64" ? october2025() : august2026();
}

function october2025(): Release {
  return {
    version: "0.3.64",
    promptIds: "any",
    jobsApi: false,
    nodeDefinitions: NODE_DEFINITIONS_JSONL,
    replacements: undefined,
    features: readDict('{"supports_preview_metadata": true, "max_upload_size": 104857600}'),
    modelFolders: (
      "checkpoints configs loras vae text_encoders diffusion_models clip_vision style_models embeddings diffusers vae_approx controlnet " +
      "gligen upscale_models custom_nodes hypernetworks photomaker classifiers model_patches audio_encoders"
    ).split(" "),
    system: readDict(
      `{"os": "posix", "required_frontend_version": "1.27.10", "installed_templates_version": null, "required_templates_version": "0.1.95"}`,
    ),
    notesArrival: false,
    namesMissingNodes: false,
  };
}

function august2026(): Release {
  return {
    version: "0.33.0",
    promptIds: "uuid",
    jobsApi: true,
    nodeDefinitions: NEWER_NODE_DEFINITIONS_JSONL,
    replacements: readDict(NODE_REPLACEMENTS_JSON),
    features: readDict(
      `{"supports_preview_metadata": true, "supports_model_type_tags": true, "max_upload_size": 104857600, "extension": {"manager": {"supports_v4": true}}, "node_replacements": true, "assets": false}`,
    ),
    modelFolders: (
      "checkpoints configs loras vae text_encoders diffusion_models clip_vision style_models embeddings diffusers vae_approx controlnet gligen upscale_models " +
      "latent_upscale_models custom_nodes datasets hypernetworks photomaker classifiers model_patches audio_encoders background_removal frame_interpolation geometry_estimation optical_flow detection"
    ).split(" "),
    system: readDict(
      `{"os": "linux", "required_frontend_version": "1.49.6", "installed_templates_version": "0.11.44", "required_templates_version": "0.11.44", "comfy_package_versions": [{"name": "comfyui-frontend-package", "installed": "1.49.6", "required": "1.49.6"}, {"name": "comfyui-workflow-templates", "installed": "0.11.44", "required": "0.11.44"}, {"name": "comfyui-embedded-docs", "installed": "0.5.10", "required": "0.5.10"}, {"name": "comfy-kitchen", "installed": "0.2.31", "required": "0.2.31"}, {"name": "comfy-aimdo", "installed": "0.4.13", "required": "0.4.13"}], "deploy_environment": "local-git"}`,
    ),
    notesArrival: true,
    namesMissingNodes: true,
  };
}

/** GET /node_replacements of 0.33.0. */
const NODE_REPLACEMENTS_JSON = String.raw`{"ResizeImagesByLongerEdge": [{"new_node_id": "ImageScaleToMaxDimension", "old_node_id": "ResizeImagesByLongerEdge", "old_widget_ids": ["longer_edge"], "input_mapping": [{"new_id": "image", "old_id": "images"}, {"new_id": "largest_size", "old_id": "longer_edge"}, {"new_id": "upscale_method", "set_value": "lanczos"}], "output_mapping": [{"new_idx": 0, "old_idx": 0}]}], "ImageBatch": [{"new_node_id": "BatchImagesNode", "old_node_id": "ImageBatch", "old_widget_ids": null, "input_mapping": [{"new_id": "images.image0", "old_id": "image1"}, {"new_id": "images.image1", "old_id": "image2"}], "output_mapping": null}], "ImageScaleBy": [{"new_node_id": "ResizeImageMaskNode", "old_node_id": "ImageScaleBy", "old_widget_ids": ["upscale_method", "scale_by"], "input_mapping": [{"new_id": "input", "old_id": "image"}, {"new_id": "resize_type", "set_value": "scale by multiplier"}, {"new_id": "resize_type.multiplier", "old_id": "scale_by"}, {"new_id": "scale_method", "old_id": "upscale_method"}], "output_mapping": null}], "T2IAdapterLoader": [{"new_node_id": "ControlNetLoader", "old_node_id": "T2IAdapterLoader", "old_widget_ids": null, "input_mapping": [{"new_id": "control_net_name", "old_id": "t2i_adapter_name"}], "output_mapping": null}], "Load3DAnimation": [{"new_node_id": "Load3D", "old_node_id": "Load3DAnimation", "old_widget_ids": null, "input_mapping": null, "output_mapping": null}], "Preview3DAnimation": [{"new_node_id": "Preview3D", "old_node_id": "Preview3DAnimation", "old_widget_ids": null, "input_mapping": null, "output_mapping": null}], "SDV_img2vid_Conditioning": [{"new_node_id": "SVD_img2vid_Conditioning", "old_node_id": "SDV_img2vid_Conditioning", "old_widget_ids": null, "input_mapping": null, "output_mapping": null}], "ConditioningAverage ": [{"new_node_id": "ConditioningAverage", "old_node_id": "ConditioningAverage ", "old_widget_ids": null, "input_mapping": null, "output_mapping": null}]}`;

function readDict(text: string): PyDict {
  const value = loadsPython(text);
  if (!isPyDict(value)) throw new TypeError("the emulator's own text is no object");
  return value;
}
