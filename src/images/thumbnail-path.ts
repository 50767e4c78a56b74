import { join } from "node:path";

/** Where inspection puts an image's thumbnail. `dir`: the dataset's folder. Sharded as the store's keys are, 4,096 folders. */
export function thumbnailPath(dir: string, imageId: string): string {
  return join(thumbnailFolder(dir), imageId.slice(2, 5), `${imageId}.webp`);
}

/** Where all of them are. */
export function thumbnailFolder(dir: string): string {
  return join(dir, "thumbs");
}
