import { buffer } from "node:stream/consumers";
import { expect } from "vitest";
import type { ComfyClient } from "../../../src/comfy/client/client.ts";
import type { ApiGraph } from "../../../src/comfy/graph/graph.ts";
import { RejectError } from "../../../src/errors.ts";
import { isJsonObject } from "../../../src/lib/exact-json.ts";
import { objectOf, readRecording, textOf } from "./replay-server.ts";

// What the client makes of each recorded answer, by the name of the recording.

export const signal = new AbortController().signal;

export interface Case {
  readonly call: (client: ComfyClient) => Promise<unknown>;
  readonly expected: unknown;
}

const image = (nodeId: string, index: number, filename: string, { subfolder = "run1/ab", type = "output" } = {}) => ({
  nodeId,
  index,
  filename,
  subfolder,
  type,
});

const history = (promptId: string, expected: unknown): Case => ({
  call: (client) => client.history(promptId, signal),
  expected: expected === null ? null : expect.objectContaining({ promptId, error: null, status: "success", ...(expected as object) }),
});

const done = (call: (client: ComfyClient) => Promise<void>): Case => ({ call, expected: undefined });

/** Submits what was recorded, as far as it is a graph. */
const submitted = (name: string, expected: unknown): Case => ({
  call(client) {
    const { request, response } = readRecording(name);
    const sent = isJsonObject(request.body) ? request.body : {};
    const answered = isJsonObject(response.body) ? response.body : {};
    return client.submit(
      {
        prompt: (sent["prompt"] ?? {}) as ApiGraph,
        promptId: textOf(sent["prompt_id"] ?? answered["prompt_id"] ?? "p"),
        clientId: textOf(sent["client_id"] ?? "c"),
        ...(sent["extra_data"] === undefined ? {} : { extraData: objectOf(sent["extra_data"]) }),
        ...(sent["front"] === undefined ? {} : { front: true }),
        ...(sent["number"] === undefined ? {} : { number: Number(sent["number"]) }),
      },
      signal,
    );
  },
  expected,
});

const accepted = (name: string, number: number): [string, Case] => [
  name,
  submitted(name, { kind: "accepted", promptId: expect.any(String), number, nodeErrors: [] }),
];

/** Refused for single nodes: [node, class, type, input]. */
const refused = (name: string, nodes: readonly (readonly [string, string, string, string | undefined])[], message: unknown) =>
  [
    name,
    submitted(name, {
      kind: "refused",
      status: 400,
      message,
      nodeErrors: nodes.map(([nodeId, classType, type, inputName]) => ({
        nodeId,
        classType,
        errors: [
          expect.objectContaining({ type, message: expect.stringMatching(/\w/), ...(inputName === undefined ? {} : { inputName }) }),
        ],
      })),
    }),
  ] as const;

const FAILED_VALIDATION = "Prompt outputs failed validation";

const found = (filename: string, sizeBytes: number, { subfolder = "run1/ab", type = "output" } = {}): Case => ({
  async call(client) {
    const answer = await client.view({ filename, subfolder, type }, signal);
    return answer.kind === "found" ? { ...answer, body: (await buffer(answer.body)).length } : answer;
  },
  expected: { kind: "found", body: sizeBytes, sizeBytes, contentType: "image/png", etag: expect.stringMatching(/^"[0-9a-f-]+"$/) },
});

const missing = (filename: string, { subfolder = "run1/ab", type = "output" } = {}): Case => ({
  call: (client) => client.view({ filename, subfolder, type }, signal),
  expected: { kind: "missing" },
});

const upload = (filename: string, sizeBytes: number, { subfolder = "", overwrite = false, saved = filename } = {}): Case => ({
  call: (client) => client.uploadImage({ bytes: new Uint8Array(sizeBytes), filename, subfolder, overwrite, type: "input" }, signal),
  expected: { name: saved, subfolder, type: "input" },
});

export const CASES: Readonly<Record<string, Case>> = {
  ...Object.fromEntries([
    accepted("prompt_ok_minimal", 3),
    accepted("prompt_ok_client_id", 4),
    accepted("prompt_ok_client_supplied_prompt_id", 5),
    accepted("prompt_ok_batch3", 6),
    accepted("prompt_ok_extra_data", 7),
    accepted("prompt_ok_front", -8),
    accepted("prompt_ok_non_uuid_prompt_id", 9),
    accepted("prompt_ok_big_seed", 11),
    accepted("prompt_ok_coerced_inputs", 12),
    accepted("prompt_ok_meta_title", 15),
    accepted("prompt_ok_number", -5),
    accepted("prompt_ok_api_prefix", 17),
    refused("prompt_400_unknown_class_type", [], "Cannot execute because node NoSuchNode does not exist.: Node ID '#2'"),
    refused("prompt_400_missing_class_type", [], "Cannot execute because a node is missing the class_type property.: Node ID '#2'"),
    refused("prompt_400_no_outputs", [], "Prompt has no outputs"),
    refused("prompt_400_empty_prompt", [], "Prompt has no outputs"),
    refused("prompt_400_missing_prompt", [], "No prompt provided: No prompt provided"),
    refused("prompt_400_bad_link_length", [["3", "SaveImage", "bad_linked_input", "images"]], expect.stringContaining("length-2 list")),
    refused(
      "prompt_400_bad_link_node_id",
      [["3", "SaveImage", "exception_during_validation", undefined]],
      expect.stringContaining("'999'"),
    ),
    refused("prompt_400_invalid_input_type", [["2", "ImageAddNoise", "invalid_input_type", "seed"]], FAILED_VALIDATION),
    refused("prompt_400_loadimage_missing_file", [["1", "LoadImage", "custom_validation_failed", "image"]], FAILED_VALIDATION),
    refused("prompt_400_missing_model", [["4", "CheckpointLoaderSimple", "value_not_in_list", "ckpt_name"]], FAILED_VALIDATION),
    refused("prompt_400_missing_required_input", [["2", "ImageAddNoise", "required_input_missing", "seed"]], FAILED_VALIDATION),
    refused("prompt_400_seed_negative", [["2", "ImageAddNoise", "value_smaller_than_min", "seed"]], FAILED_VALIDATION),
    refused("prompt_400_value_bigger_than_max", [["2", "ImageAddNoise", "value_bigger_than_max", "strength"]], FAILED_VALIDATION),
    refused("prompt_400_value_not_in_list", [["4", "ImageScale", "value_not_in_list", "upscale_method"]], FAILED_VALIDATION),
    refused("prompt_400_value_smaller_than_min", [["1", "EmptyImage", "value_smaller_than_min", "width"]], FAILED_VALIDATION),
    refused(
      "prompt_400_upstream_error_two_nodes",
      [
        ["1", "EmptyImage", "value_smaller_than_min", "width"],
        ["2", "ImageAddNoise", "required_input_missing", "seed"],
      ],
      FAILED_VALIDATION,
    ),
  ]),
  prompt_200_partial_node_errors: submitted("prompt_200_partial_node_errors", {
    kind: "accepted",
    promptId: "6913e7a1-2817-4761-96dd-f21fa421962d",
    number: 13,
    nodeErrors: [
      {
        nodeId: "8",
        classType: "SaveImage",
        errors: [
          {
            type: "required_input_missing",
            message: "Required input is missing",
            details: "filename_prefix",
            inputName: "filename_prefix",
          },
        ],
      },
    ],
  }),
  prompt_500_invalid_json: submitted("prompt_500_invalid_json", {
    kind: "refused",
    status: 500,
    message: expect.stringContaining("exception"),
    nodeErrors: [],
  }),
  prompt_500_ui_format_workflow: submitted("prompt_500_ui_format_workflow", {
    kind: "refused",
    status: 500,
    message: expect.stringContaining("UI format"),
    nodeErrors: [],
  }),
  prompt_403_origin_mismatch: submitted("prompt_403_origin_mismatch", {
    kind: "refused",
    status: 403,
    message: expect.stringContaining("Origin"),
    nodeErrors: [],
  }),

  history_id_success: history("3c836368-298b-453c-9a70-ad14bab1d841", {
    number: 5,
    outputs: [image("3", 0, "p000001_s42_00002_.png")],
    startedAtMs: 1795466483852,
    finishedAtMs: 1795466483857,
  }),
  history_id_batch3: history("0aee1847-cba6-47d3-b35a-343d90ff2fdc", {
    outputs: [0, 1, 2].map((index) => image("3", index, `p000002_s43_0000${index + 1}_.png`)),
  }),
  history_id_big_seed: history("ecc345a6-ebd4-4b01-9f1c-66d55f68b526", {
    prompt: expect.objectContaining({
      "2": { class_type: "ImageAddNoise", inputs: { image: ["1", 0], seed: 18446744073709551615n, strength: 0.5 } },
    }),
  }),
  history_id_cached_rerun: history("21a5987f-919f-4044-9a52-dcc99a75b988", {
    outputs: [image("3", 0, "p4_00001_.png", { subfolder: "cached" })],
    cachedNodes: expect.arrayContaining(["1", "2", "3"]),
  }),
  history_id_coerced_inputs: history("2378e8cd-524e-401e-9b14-beff13d714b3", { outputs: [image("3", 0, "strseed_00001_.png")] }),
  history_id_counter_reused_after_delete: history("2c0c5c41-4041-4a54-b1fa-b5baa57c1f70", {
    outputs: [image("3", 0, "gap_00002_.png", { subfolder: "run1/cnt" })],
  }),
  history_id_extra_data: history("68b14807-e27e-4cba-80b7-0f314eeb6601", { outputs: [image("3", 0, "p000003_s44_00001_.png")] }),
  history_id_ksampler: history("36af428b-7e16-4d82-b727-ae4077d87c2c", {
    number: 0,
    outputs: [0, 1].map((index) => image("9", index, `p000001_s156680208700286_0000${index + 1}_.png`)),
  }),
  history_id_non_uuid: history("row-000047", { outputs: [image("3", 0, "nonuuid_00001_.png")] }),
  history_id_overwriting_second_run: history("adceae96-6761-415c-886a-e16676eb66f7", { outputs: [image("3", 0, "ow_0_x_00001_.png")] }),
  history_id_partial_node_errors: history("6913e7a1-2817-4761-96dd-f21fa421962d", { outputs: [image("3", 0, "partial_00001_.png")] }),
  history_id_prefix_1: history("59f4524d-7e2e-4c93-aa9a-8f9a29ad19e2", {
    outputs: [image("3", 0, "64x64_p_00001_.png"), image("3", 1, "64x64_p_00002_.png")],
  }),
  history_id_prefix_3: history("4c1d3529-c6d2-4061-8fa1-e4da80dcb423", {
    outputs: [image("3", 0, "tr_00001_.png"), image("3", 1, "tr_00002_.png")],
  }),
  history_id_prefix_6: history("acd308b8-2c24-4b4b-9d13-655ef83603e5", {
    outputs: [image("3", 0, "b0_x_00001_.png"), image("3", 1, "b1_x_00002_.png")],
  }),
  history_id_rerun_after_other_prompt: history("b3973c4b-ba81-4146-a008-9770b30d87f3", {
    outputs: [image("3", 0, "pA_00002_.png", { subfolder: "cached" })],
    cachedNodes: ["1"],
  }),
  history_id_save_and_preview: history("a280ccd3-2fa0-4845-8eb6-6552f8bf85e5", {
    outputs: expect.arrayContaining([
      image("5", 0, "ComfyUI_temp_dpvdf_00001_.png", { subfolder: "", type: "temp" }),
      image("3", 0, "two_00001_.png", { subfolder: "cached" }),
    ]),
  }),
  history_id_execution_error: history("cd57a18d-ac9a-4734-b027-1a9970131f36", {
    status: "error",
    outputs: [],
    error: {
      nodeId: "3",
      classType: "SaveImage",
      exceptionType: "Exception",
      message: expect.stringMatching(/^\*\*\*\* ERROR: Saving image outside the output folder is not allowed/),
      isOutOfMemory: false,
    },
  }),
  history_id_after_delete: history("h2", null),
  history_id_deleted_from_queue: history("98571a26-7234-40ce-9ca7-9fee13ab4a9f", null),
  history_id_evicted: history("c00000", null),
  history_id_pending: history("0efb0b48-bbf1-463d-9e9e-cd6f5f88761d", null),
  history_id_running: history("224d6002-0932-4973-911a-a36614d192c5", null),
  history_unknown_id: history("00000000-0000-4000-8000-000000000000", null),

  history_all: { call: allHistory, expected: ["h0", "h1", "h2", "h3", "h4"].map((promptId) => expect.objectContaining({ promptId })) },
  history_empty: { call: allHistory, expected: [] },
  history_after_clear: { call: allHistory, expected: [] },
  history_after_sigkill_restart: { call: allHistory, expected: [] },
  history_clear: done((client) => client.clearHistory(signal)),
  history_delete: done((client) => client.deleteHistory(["h2"], signal)),
  history_delete_unknown: done((client) => client.deleteHistory(["nope"], signal)),

  queue_get_idle: { call: (client) => client.queue(signal), expected: { running: [], pending: [] } },
  queue_get_after_sigkill_restart: { call: (client) => client.queue(signal), expected: { running: [], pending: [] } },
  queue_get_front_and_number: {
    call: (client) => client.queue(signal),
    expected: {
      running: [{ number: 10, promptId: "c368c278-f75d-499a-96a7-270110ec4152", clientId: null, mark: null }],
      // The wire says -12, 11, 0.0 (a heap; a given number stays the float that Python made of it).
      pending: [-12, 0, 11].map((number) => ({ number, promptId: expect.any(String), clientId: null, mark: null })),
    },
  },
  queue_get_running_and_pending: {
    call: (client) => client.queue(signal),
    expected: {
      running: [{ number: 0, promptId: "224d6002-0932-4973-911a-a36614d192c5", clientId: expect.any(String), mark: null }],
      pending: [1, 2].map((number) => ({ number, promptId: expect.any(String), clientId: expect.any(String), mark: null })),
    },
  },
  queue_clear: done((client) => client.clearQueue(signal)),
  queue_delete_pending: done((client) => client.deleteFromQueue(["98571a26-7234-40ce-9ca7-9fee13ab4a9f"], signal)),
  queue_delete_unknown: done((client) => client.deleteFromQueue(["no-such-id"], signal)),
  prompt_get_busy: { call: (client) => client.queueRemaining(signal), expected: 3 },
  prompt_get_idle: { call: (client) => client.queueRemaining(signal), expected: 0 },

  interrupt_global: done((client) => client.interrupt(null, signal)),
  interrupt_idle: done((client) => client.interrupt(null, signal)),
  interrupt_with_prompt_id: done((client) => client.interrupt("cc3f42dc-ad01-42e4-8569-3290204efc97", signal)),
  free: done((client) => client.free({ unloadModels: true, freeMemory: true }, signal)),
  free_after_model_load: done((client) => client.free({ unloadModels: true, freeMemory: true }, signal)),
  free_empty: done((client) => client.free({ unloadModels: false, freeMemory: false }, signal)),

  system_stats: { call: (client) => client.systemStats(signal), expected: stats(25276502016, 23734177792) },
  system_stats_after_model_load: { call: (client) => client.systemStats(signal), expected: stats(25276502016, 18379808768) },
  object_info_unknown_class: { call: (client) => client.objectInfo("NoSuchNode", signal), expected: {} },
  models: { call: (client) => client.models(null, signal), expected: expect.arrayContaining(["checkpoints", "loras", "vae"]) },
  models_checkpoints: { call: (client) => client.models("checkpoints", signal), expected: [] },
  models_unknown_folder: { call: (client) => client.models("nosuchfolder", signal), expected: null },

  view_png: found("view_s42_00001_.png", 10461),
  view_default_type: found("view_s42_00001_.png", 10461),
  view_temp: found("ComfyUI_temp_dpvdf_00001_.png", 11087, { subfolder: "", type: "temp" }),
  view_uploaded_input: found("cap_ref.png", 82, { subfolder: "", type: "input" }),
  view_overwritten_before: found("ow_0_x_00001_.png", 10390),
  view_overwritten_after: found("ow_0_x_00001_.png", 10320),
  view_missing_file: missing("nope.png"),
  view_missing_subfolder: missing("view_s42_00001_.png", { subfolder: "" }),
  view_path_in_filename: missing("run1/ab/view_s42_00001_.png", { subfolder: "" }),
  view_type_input_missing: missing("view_s42_00001_.png", { type: "input" }),

  upload_image_fresh: upload("cap_ref.png", 82),
  upload_image_same_name_same_content: upload("cap_ref.png", 82),
  upload_image_same_name_other_content: upload("cap_ref.png", 82, { saved: "cap_ref (1).png" }),
  upload_image_overwrite: upload("cap_ref.png", 82, { overwrite: true }),
  upload_image_subfolder_and_type: upload("cap_ref.png", 82, { subfolder: "capsub/deep" }),
};

/** Recorded answers that are errors to the client. */
export const FAILURES: Readonly<
  Record<string, { readonly call: Case["call"]; readonly message: string; readonly type?: typeof RejectError }>
> = {
  view_bad_type: {
    call: (client) => client.view({ filename: "view_s42_00001_.png", subfolder: "", type: "bogus" }, signal),
    message: "400 Bad Request",
  },
  view_if_none_match: { call: CASES["view_png"]!.call, message: "304" },
  view_range_first_100: { call: CASES["view_png"]!.call, message: "206 Partial Content" },
  upload_image_no_file: { call: upload("", 0).call, message: "400 Bad Request", type: RejectError },
};

/** What the client never asks for. */
export const NOT_ASKED: Readonly<Record<string, string>> = {
  embeddings: "no use for it",
  features: "no use for it",
  history_max_items_2: "the entries were replaced by hand; the client reads by id or everything",
  history_max_items_2_offset_0: "likewise",
  history_max_items_2_offset_3: "likewise",
  jobs_404: "not in this version",
  object_info_all_summary: "the recording holds a summary in place of the answer",
  prompt_ok_partial_execution_targets: "graphs are cut down to their outputs before they are sent",
  route_404: "no route of ours",
  upload_mask: "no use for it",
  userdata_404: "no route of ours",
  view_channel_rgb: "re-encodes",
  view_channel_rgba: "re-encodes",
  view_head: "no use for it",
  view_no_filename: "there is always one",
  view_preview_jpeg_50: "re-encodes",
  view_preview_webp_90: "re-encodes",
  view_range_resume: "an image is read again from its start",
};

async function allHistory(client: ComfyClient): Promise<unknown[]> {
  return Array.fromAsync(client.historyAll(signal));
}

function stats(ramTotalBytes: number, ramFreeBytes: number): unknown {
  return {
    version: "0.3.64",
    os: "posix",
    pytorch: "2.13.0+cpu",
    python: "3.11.7",
    argv: expect.arrayContaining(["--cpu"]),
    ramTotalBytes,
    ramFreeBytes,
    // On a CPU the memory is the machine's.
    devices: [{ name: "cpu", type: "cpu", vramTotalBytes: ramTotalBytes, vramFreeBytes: ramFreeBytes }],
    withoutMetadata: false,
  };
}
