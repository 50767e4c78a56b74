import { posix } from "node:path";
import { insideFolder, type EmulatorDisk, type FilePlace, isFolderType, placeOf } from "../files/disk.ts";
import { answerCrash, answerEmpty, answerJson, readBody, type HttpExchange } from "./http-exchange.ts";
import { dict, dumpsPython, isPyDict, loadsPython } from "../python-json.ts";
import { pyStr } from "../python-values.ts";

type Save = (place: FilePlace, bytes: Buffer, form: FormData) => Promise<void>;

/** POST /upload/image: stores a file as it is. */
export async function uploadImage(exchange: HttpExchange, disk: EmulatorDisk): Promise<void> {
  await upload(exchange, disk, (place, bytes) => {
    disk.saveBytes(place, bytes);
    return Promise.resolve();
  });
}

/** POST /upload/mask: stores the image that `original_ref` names, with the mask's transparency. */
export async function uploadMask(exchange: HttpExchange, disk: EmulatorDisk): Promise<void> {
  await upload(exchange, disk, async (place, bytes, form) => {
    const reference = loadsPython(textField(form, "original_ref") ?? "");
    if (!isPyDict(reference)) throw new TypeError("original_ref is no object");
    const field = (name: string): string => pyStr(reference.get(name) ?? "");
    const type = reference.has("type") ? field("type") : "output";
    const original = placeOf(posix.join(field("subfolder"), field("filename")), isFolderType(type) ? type : "output");
    const file = original === undefined ? undefined : disk.get(original);
    // Without an original ComfyUI saves nothing and says 200 all the same.
    if (file !== undefined) disk.saveBytes(place, await masked(disk.read(file), bytes));
  });
}

async function upload(exchange: HttpExchange, disk: EmulatorDisk, save: Save): Promise<void> {
  const form = await formOf(exchange);
  const image = form?.get("image");
  if (form === undefined || !(image instanceof File) || image.name === "") return answerEmpty(exchange, 400);
  const type = textField(form, "type") ?? "input";
  // ComfyUI's own code runs into an unset variable here.
  if (!isFolderType(type)) return answerCrash(exchange);
  const sentFolder = textField(form, "subfolder") ?? "";
  const path = insideFolder(posix.join(posix.normalize(sentFolder), image.name));
  if (path === undefined) return answerEmpty(exchange, 400);

  const bytes = Buffer.from(await image.arrayBuffer());
  const folder = posix.dirname(path);
  const place: FilePlace = { type, subfolder: folder === "." ? "" : folder, filename: posix.basename(path) };
  const overwrites = ["true", "1"].includes(textField(form, "overwrite") ?? "");
  const target = overwrites ? { place, isDuplicate: false } : freePlace(disk, place, bytes);
  if (!target.isDuplicate) await save(target.place, bytes, form);
  answerJson(exchange, dumpsPython(dict({ name: target.place.filename, subfolder: sentFolder, type })));
}

/** The first of `a.png`, `a (1).png` … that is free, or that holds the same bytes already. */
function freePlace(disk: EmulatorDisk, place: FilePlace, bytes: Buffer): { readonly place: FilePlace; readonly isDuplicate: boolean } {
  const { name, ext } = posix.parse(place.filename);
  let candidate = place;
  for (let count = 1; ; count++) {
    const existing = disk.get(candidate);
    if (existing === undefined) return { place: candidate, isDuplicate: false };
    if (disk.read(existing).equals(bytes)) return { place: candidate, isDuplicate: true };
    candidate = { ...place, filename: `${name} (${String(count)})${ext}` };
  }
}

async function formOf(exchange: HttpExchange): Promise<FormData | undefined> {
  const body = await readBody(exchange);
  const contentType = exchange.request.headers["content-type"] ?? "";
  try {
    return await new Response(new Uint8Array(body), { headers: { "content-type": contentType } }).formData();
  } catch {
    // No form, or a broken one: ComfyUI then finds no image in it.
    return undefined;
  }
}

function textField(form: FormData, name: string): string | undefined {
  const value = form.get(name);
  return typeof value === "string" ? value : undefined;
}

async function masked(original: Buffer, mask: Buffer): Promise<Buffer> {
  const { default: sharp } = await import("sharp");
  const alpha = await sharp(mask).ensureAlpha().extractChannel("alpha").toBuffer();
  return sharp(original).removeAlpha().joinChannel(alpha).png().toBuffer();
}
