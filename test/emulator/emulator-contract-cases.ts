import type { Emulator, EmulatorOptions } from "../../src/emulator/emulator.ts";
import { emulatorDisk } from "../../src/emulator/files/disk.ts";
import { isPyDict, isPyList, loadsPython, type PyDict, type PyValue } from "../../src/emulator/python-json.ts";
import {
  dictAt,
  historyOf,
  readWorkflow,
  run,
  send,
  stringOf,
  submit,
  textAt,
  withInputs,
  type Asked,
  type Exchange,
} from "./emulator-recordings.ts";

/** What the cases need of an emulator; a real server is restarted by hand. */
export type StageServer = Asked & Pick<Emulator, "restart">;

export interface Stage {
  readonly server: StageServer;
  readonly exchange: Exchange;
}

/** Puts a server into the recorded state; may change the request (an Etag is not known before). */
type SetUp = (stage: Stage) => Promise<{ readonly headers?: Readonly<Record<string, string>>; readonly body?: Uint8Array } | void>;

export interface Case {
  readonly options?: EmulatorOptions;
  readonly setUp?: SetUp;
}

const tiny = readWorkflow("tiny");
const slow = readWorkflow("slow_interruptible");
const viewed = withInputs(tiny, { "3.filename_prefix": "run1/ab/view_s42" });
const viewedExtra = loadsPython('{"extra_pnginfo": {"workflow": {"nodes": [], "version": 0.4}, "dpo": {"row": 3, "prompt": "a fox"}}}');

const idIn = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
const saveViewed = async (server: Asked): Promise<void> =>
  void (await run(server, { prompt: viewed, prompt_id: "v", extra_data: viewedExtra }));
const oneSlow = async (server: Asked, promptId: string): Promise<void> =>
  void (await submit(server, { prompt: slow, prompt_id: promptId }));

/** Runs what the recorded history entry says was run, after what must have gone before. */
async function relive({ server, exchange }: Stage): Promise<void> {
  const promptId = idIn(exchange.path);
  const entry = dictAt(isPyDict(exchange.response.body) ? exchange.response.body : new Map(), promptId);
  const item = entry.get("prompt");
  const [, , graph = null, extraData = null] = isPyList(item) ? item : [];
  if (!isPyDict(graph)) throw new TypeError("no graph in the recording");
  const cached = cachedNodes(entry);
  const isPartly = cached.length > 0 && cached.length < graph.size;
  if (isPartly) await run(server, { prompt: withInputs(graph, { "2.seed": 999n, "3.filename_prefix": "before/it" }), prompt_id: "before" });
  if (cached.length === graph.size) await run(server, { prompt: graph, prompt_id: "before" });
  await submit(server, { prompt: graph, prompt_id: promptId, extra_data: extraData });
  await historyOf(server, promptId);
}

function cachedNodes(entry: PyDict): readonly PyValue[] {
  const messages = entry.get("status");
  const list = isPyDict(messages) ? messages.get("messages") : [];
  for (const message of isPyList(list) ? list : []) {
    const [event, data] = isPyList(message) ? message : [];
    const nodes = event === "execution_cached" && isPyDict(data) ? data.get("nodes") : undefined;
    if (isPyList(nodes)) return nodes;
  }
  return [];
}

/** A disk with one file, whose counter the next save must pass. */
function diskWith(subfolder: string, filename: string): EmulatorOptions {
  const disk = emulatorDisk();
  disk.saveBytes({ type: "output", subfolder, filename }, Buffer.from("earlier"));
  return { disk };
}

const inHistory: Case = { setUp: relive };
const viewCase: Case = { setUp: ({ server }) => saveViewed(server) };
const fiveInHistory: Case = {
  async setUp({ server }) {
    for (let index = 0; index < 5; index++) {
      const prompt = withInputs(tiny, {
        "1.width": 8n,
        "1.height": 8n,
        "2.seed": BigInt(200 + index),
        "3.filename_prefix": `hist/h${String(index)}`,
      });
      await run(server, { prompt, prompt_id: `h${String(index)}` });
    }
  },
};
const upload = (
  previous: readonly { readonly content: string; readonly fields?: Readonly<Record<string, string>> }[],
  content: string,
): Case => ({
  async setUp({ server, exchange }) {
    for (const { content: earlier } of previous) {
      await send(server, {
        method: "POST",
        path: "/upload/image",
        ...multipart(exchange.headers["Content-Type"] ?? "", { file: "cap_ref.png", content: earlier }),
      });
    }
    const recorded = isPyDict(exchange.body) ? dictAt(exchange.body, "$multipart") : new Map<string, PyValue>();
    const fields = Object.fromEntries([...dictAt(recorded, "fields")].map(([key, value]) => [key, stringOf(value)]));
    const file = dictAt(recorded, "file").get("filename");
    return multipart(exchange.headers["Content-Type"] ?? "", { file: typeof file === "string" ? file : null, content, fields });
  },
});

function multipart(
  contentType: string,
  {
    file,
    content,
    fields = {},
  }: { readonly file: string | null; readonly content: string; readonly fields?: Readonly<Record<string, string>> },
) {
  const boundary = contentType.split("boundary=")[1] ?? "";
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  if (file !== null)
    parts.push(
      `--${boundary}\r\nContent-Disposition: form-data; name="image"; filename="${file}"\r\nContent-Type: image/png\r\n\r\n${content}\r\n`,
    );
  return { headers: { "Content-Type": contentType }, body: Buffer.from(`${parts.join("")}--${boundary}--\r\n`, "latin1") };
}

/** What goes before the requests that need it, by recording. */
export const CASES: Readonly<Record<string, Case>> = {
  "history_after_clear.json": {
    setUp: async ({ server }) => {
      await run(server, { prompt: tiny, prompt_id: "x" });
      await send(server, { method: "POST", path: "/history", body: '{"clear": true}' });
    },
  },
  "history_after_sigkill_restart.json": {
    options: { execMs: 60_000 },
    setUp: async ({ server }) => {
      await oneSlow(server, "x");
      await server.restart();
    },
  },
  "history_all.json": fiveInHistory,
  "history_delete.json": fiveInHistory,
  "history_id_after_delete.json": {
    setUp: async (stage) => {
      await fiveInHistory.setUp?.(stage);
      await send(stage.server, { method: "POST", path: "/history", body: '{"delete": ["h2"]}' });
    },
  },
  "history_id_batch3.json": inHistory,
  "history_id_big_seed.json": inHistory,
  "history_id_cached_rerun.json": inHistory,
  "history_id_coerced_inputs.json": inHistory,
  "history_id_counter_reused_after_delete.json": { ...inHistory, options: diskWith("run1/cnt", "gap_00001_.png") },
  "history_id_deleted_from_queue.json": {
    options: { execMs: 60_000 },
    setUp: async ({ server, exchange }) => {
      await oneSlow(server, "first");
      await submit(server, { prompt: tiny, prompt_id: idIn(exchange.path) });
      await send(server, { method: "POST", path: "/queue", body: `{"delete": ["${idIn(exchange.path)}"]}` });
    },
  },
  "history_id_evicted.json": {
    options: { historyCap: 2 },
    setUp: async ({ server }) => {
      for (const promptId of ["c00000", "c00001", "c00002"]) await run(server, { prompt: tiny, prompt_id: promptId });
    },
  },
  "history_id_execution_error.json": inHistory,
  "history_id_extra_data.json": inHistory,
  "history_id_ksampler.json": { ...inHistory, options: { checkpoints: ["random-sd15.safetensors"] } },
  "history_id_non_uuid.json": inHistory,
  "history_id_overwriting_second_run.json": { ...inHistory, options: diskWith("run1/ab", "ow_0_x_00001_.png") },
  "history_id_partial_node_errors.json": inHistory,
  "history_id_pending.json": {
    options: { execMs: 60_000 },
    setUp: async ({ server, exchange }) => {
      await oneSlow(server, "first");
      await oneSlow(server, idIn(exchange.path));
    },
  },
  "history_id_prefix_1.json": inHistory,
  "history_id_prefix_3.json": inHistory,
  "history_id_prefix_6.json": inHistory,
  "history_id_rerun_after_other_prompt.json": { ...inHistory, options: diskWith("cached", "pA_00001_.png") },
  "history_id_running.json": { options: { execMs: 60_000 }, setUp: ({ server, exchange }) => oneSlow(server, idIn(exchange.path)) },
  "history_id_save_and_preview.json": inHistory,
  "history_id_success.json": { ...inHistory, options: diskWith("run1/ab", "p000001_s42_00001_.png") },
  "history_max_items_2.json": fiveInHistory,
  "history_max_items_2_offset_0.json": fiveInHistory,
  "history_max_items_2_offset_3.json": fiveInHistory,
  "interrupt_global.json": { options: { execMs: 60_000 }, setUp: ({ server }) => oneSlow(server, "x") },
  "interrupt_with_prompt_id.json": {
    options: { execMs: 60_000 },
    setUp: ({ server }) => oneSlow(server, "cc3f42dc-ad01-42e4-8569-3290204efc97"),
  },
  "models_checkpoints.json": { options: { checkpoints: [] } },
  "prompt_400_missing_model.json": { options: { checkpoints: [] } },
  "prompt_get_busy.json": {
    options: { execMs: 60_000 },
    setUp: async ({ server }) => {
      for (const promptId of ["a", "b", "c"]) await oneSlow(server, promptId);
    },
  },
  "queue_clear.json": { options: { execMs: 60_000 }, setUp: ({ server }) => oneSlow(server, "x") },
  "queue_get_after_sigkill_restart.json": {
    options: { execMs: 60_000 },
    setUp: async ({ server }) => {
      for (const promptId of ["a", "b", "c"]) await oneSlow(server, promptId);
      await server.restart();
    },
  },
  "queue_get_front_and_number.json": { options: { execMs: 60_000 }, setUp: reliveQueue },
  "queue_get_running_and_pending.json": { options: { execMs: 60_000 }, setUp: reliveQueue },
  "upload_image_fresh.json": upload([], "one"),
  "upload_image_no_file.json": upload([], ""),
  "upload_image_overwrite.json": upload([{ content: "one" }], "two"),
  "upload_image_same_name_other_content.json": upload([{ content: "one" }], "two"),
  "upload_image_same_name_same_content.json": upload([{ content: "one" }], "one"),
  "upload_image_subfolder_and_type.json": upload([{ content: "one" }], "two"),
  "upload_mask.json": upload([], "mask"),
  "view_bad_type.json": viewCase,
  "view_channel_rgb.json": viewCase,
  "view_channel_rgba.json": viewCase,
  "view_default_type.json": viewCase,
  "view_head.json": viewCase,
  "view_if_none_match.json": {
    setUp: async ({ server, exchange }) => {
      await saveViewed(server);
      const { headers } = await send(server, { path: exchange.path });
      return { headers: { "If-None-Match": textAt(headers, "Etag") } };
    },
  },
  "view_missing_subfolder.json": viewCase,
  "view_no_filename.json": viewCase,
  "view_overwritten_after.json": { setUp: overwrite("902") },
  "view_overwritten_before.json": { setUp: overwrite("901") },
  "view_path_in_filename.json": viewCase,
  "view_png.json": viewCase,
  "view_preview_jpeg_50.json": viewCase,
  "view_preview_webp_90.json": viewCase,
  "view_range_first_100.json": viewCase,
  "view_range_resume.json": viewCase,
  "view_temp.json": {
    setUp: async ({ server, exchange }) => {
      const entry = await run(server, { prompt: readWorkflow("save_and_preview"), prompt_id: "x" });
      const [image] = [dictAt(entry, "outputs", "5").get("images")].flatMap((list) => (isPyList(list) ? list : []));
      if (isPyDict(image))
        Object.assign(exchange, { path: exchange.path.replace("ComfyUI_temp_dpvdf_00001_.png", textAt(image, "filename")) });
    },
  },
  "view_type_input_missing.json": viewCase,
  "view_uploaded_input.json": {
    setUp: async ({ server }) => {
      await send(server, {
        method: "POST",
        path: "/upload/image",
        ...multipart("multipart/form-data; boundary=x", { file: "cap_ref.png", content: "\u0089PNG\r\n\u001a\n" }),
      });
    },
  },
};

function overwrite(...seeds: readonly string[]): SetUp {
  return async ({ server }) => {
    for (const seed of seeds)
      await run(server, {
        prompt: withInputs(tiny, { "2.seed": BigInt(seed), "3.filename_prefix": "run1/ab/ow_%batch_num%_x" }),
        prompt_id: seed,
      });
  };
}

/** Submits what the recorded queue holds, in the order of its numbers. */
async function reliveQueue({ server, exchange }: Stage): Promise<void> {
  const body = isPyDict(exchange.response.body) ? exchange.response.body : new Map<string, PyValue>();
  const items = ["queue_running", "queue_pending"].flatMap((key) => {
    const list = body.get(key);
    return isPyList(list) ? list : [];
  });
  const byAge = items.map((item) => (isPyList(item) ? item : [])).toSorted(([a], [b]) => Math.abs(Number(a)) - Math.abs(Number(b)));
  const [running] = items;
  const ordered = [running, ...byAge.filter((item) => item !== running)];
  let counter = 0;
  for (const item of ordered) {
    const [number = 0n, promptId = "", prompt = null, extraData = null] = isPyList(item) ? item : [];
    // Refused prompts use numbers up, too.
    if (typeof number === "bigint") {
      for (; counter < Math.abs(Number(number)); counter++) await submit(server, {});
      counter++;
    }
    const place: Record<string, PyValue> = typeof number === "bigint" ? { front: number < 0n } : { number };
    await submit(server, { prompt, prompt_id: promptId, extra_data: extraData, ...place });
  }
}
