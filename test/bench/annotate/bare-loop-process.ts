import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import sharp from "sharp";

// The least that inspection can be: decode each image once, hash its pixels, make one thumbnail, forget both. With the same settings of
// sharp, and as many images at once. `rgba`: hashes what inspection hashes, so that both have the same hash; `rgb`: what sharp gives.

const THUMBNAIL_SIDE_PX = 320;

const paths = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as readonly string[]; // inspect.ts wrote it.
const hasAlpha = process.argv[3] === "rgba";
sharp.concurrency(1);
sharp.cache(false);

let next = 0;
async function work(): Promise<void> {
  for (let path = paths[next++]; path !== undefined; path = paths[next++]) {
    const decoded = sharp(await readFile(path));
    const { data, info } = await (hasAlpha ? decoded.ensureAlpha() : decoded).raw().toBuffer({ resolveWithObject: true });
    createHash("sha256").update(data).digest("hex");
    await sharp(data, { raw: { width: info.width, height: info.height, channels: info.channels } })
      .resize(THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX, { fit: "inside" })
      .webp({ quality: 80, effort: 1 })
      .toBuffer();
  }
}

await Promise.all(Array.from({ length: availableParallelism() + 1 }, work));
