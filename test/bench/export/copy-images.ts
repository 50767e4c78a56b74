import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readFileSync, readSync, writeSync } from "node:fs";

// The peer of the formats with images: reads each file, hashes it, appends it to one file and hashes that. One buffer, no promise, no
// flush.

const BUFFER_BYTES = 16 * 1024 * 1024;

const [list = "", target = ""] = process.argv.slice(2);
const buffer = Buffer.alloc(BUFFER_BYTES);
const whole = createHash("sha256");
const into = openSync(target, "w");
for (const file of readFileSync(list, "utf8").split("\n")) {
  const from = openSync(file, "r");
  const { size } = fstatSync(from);
  if (readSync(from, buffer, 0, size, 0) !== size) throw new Error(`${file} was not read whole`);
  closeSync(from);
  const bytes = buffer.subarray(0, size);
  createHash("sha256").update(bytes).digest("hex");
  whole.update(bytes);
  for (let at = 0; at < size;) at += writeSync(into, bytes, at);
}
closeSync(into);
process.stdout.write(`${whole.digest("hex")}\n`);
