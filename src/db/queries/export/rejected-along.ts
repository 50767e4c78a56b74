import type Database from "better-sqlite3";

export interface RejectedImage {
  readonly imageId: string;
  readonly score: number | null;
}

type RejectedTuple = [place: number, imageId: string, score: number | null];

/** Links whose rejected images are read in one go, of whichever pair set. */
const PAGE_LINKS = 64;
const NONE: readonly RejectedImage[] = [];

/** For a pass over links in their order: the rejected images of each, best first. Between two of them the connection may be written on. */
export function rejectedAlong(client: Database.Database): (place: number) => readonly RejectedImage[] {
  const page = client
    .prepare<[number, number], RejectedTuple>(
      `select place, image_id, score from preference_rejected where place >= ? and place < ? order by place, rank`,
    )
    .raw();
  let read = new Map<number, RejectedImage[]>();
  let [from, to] = [0, 0];
  return (place) => {
    if (place < from || place >= to) {
      [from, to] = [place, place + PAGE_LINKS];
      read = new Map();
      for (const [own, imageId, score] of page.all(from, to)) {
        const images = read.get(own);
        if (images === undefined) read.set(own, [{ imageId, score }]);
        else images.push({ imageId, score });
      }
    }
    return read.get(place) ?? NONE;
  };
}
