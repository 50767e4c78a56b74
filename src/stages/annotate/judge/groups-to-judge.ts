import type { Db } from "../../../db/open.ts";
import { type GroupImageRow, groupQueries } from "../../../db/queries/annotate/groups.ts";
import { type JudgeVersion, scoreQueries, type ScoreRow } from "../../../db/queries/annotate/scores.ts";
import type { Inspection } from "../../../images/inspection.ts";
import type { Judge } from "../../../judges/judge.ts";
import type { SweepPage } from "../../sweep.ts";

/** Prompts read in one query, which takes about 15 ms. */
const PAGE_ROWS = 100;

/** A final group with images that a judge has not scored. */
export interface GroupToJudge {
  readonly promptKey: string;
  readonly prompt: string;
  /** The images without a score, in image_id order. All images if the judge's scores are relative. */
  readonly images: readonly ImageToJudge[];
}

export interface ImageToJudge {
  readonly imageId: string;
  readonly sha256: string;
  readonly key: string;
  readonly sizeBytes: number;
  readonly inspection: Inspection;
  /** Score of the judge that `by` names. */
  readonly earlierScore: number | null;
}

export type JudgeIdentity = Pick<Judge, "name" | "version" | "relative">;

export interface GroupsOptions {
  readonly judge: JudgeIdentity;
  /** The judge version that must have scored a group before. */
  readonly after: JudgeVersion | null;
}

/** Creates a reader of final groups with images that this version has not scored. It reads a page of prompts at a time. */
export function openGroupsToJudge(db: Pick<Db, "client">, { judge, after }: GroupsOptions): (afterRow: number) => SweepPage<GroupToJudge> {
  const groups = groupQueries(db);
  const { scoresIn } = scoreQueries(db);

  return (afterRow) => {
    const range = groups.nextRange(afterRow, PAGE_ROWS);
    if (range === null) return { items: [], lastRow: null, firstOpenRow: null };
    const { scored, earlier } = scoresOf(scoresIn(range), { judge, after });
    const found = groups.groupsIn(range).map(({ images, ...group }) => {
      const all = images.flatMap((image) => imageToJudge(image, earlier?.get(image.imageId) ?? null));
      const open = all.filter(({ imageId }) => !scored.has(imageId));
      const isReady = group.isFinal && (earlier === null || all.every(({ imageId }) => earlier.has(imageId)));
      return {
        ...group,
        isReady,
        isOpen: !group.isFinal || open.length > 0,
        images: judge.relative === true && open.length > 0 ? all : open,
      };
    });
    return {
      items: found.filter(({ isReady, images }) => isReady && images.length > 0),
      lastRow: range.last,
      firstOpenRow: found.find(({ isOpen }) => isOpen)?.row ?? null,
    };
  };
}

interface ScoresOfPage {
  /** Images that this version of the judge has scored. */
  readonly scored: ReadonlySet<string>;
  /** Scores of the judge that `by` names. Null if there is none. */
  readonly earlier: ReadonlyMap<string, number | null> | null;
}

function scoresOf(rows: readonly ScoreRow[], { judge, after }: GroupsOptions): ScoresOfPage {
  const isBy = (row: ScoreRow, by: JudgeVersion): boolean => row.judge === by.judge && row.version === by.version;
  const own = rows.filter((row) => isBy(row, { judge: judge.name, version: judge.version }));
  const earlier = after === null ? null : rows.filter((row) => isBy(row, after));
  return {
    scored: new Set(own.map(({ imageId }) => imageId)),
    earlier: earlier === null ? null : new Map(earlier.map(({ imageId, score }) => [imageId, score])),
  };
}

/** Returns the image, or nothing if it is not stored or could not be decoded. */
function imageToJudge({ state, imageId, sha256, key, sizeBytes, ...row }: GroupImageRow, earlierScore: number | null): ImageToJudge[] {
  const { widthPx, heightPx, pixelSha256, perceptualHash, lumaStd, sharpness, entropy } = row;
  if (state !== "stored" || sha256 === null || key === null || sizeBytes === null) return [];
  if (widthPx === null || heightPx === null || pixelSha256 === null || perceptualHash === null) return [];
  if (lumaStd === null || sharpness === null || entropy === null) return [];
  const inspection = { widthPx, heightPx, pixelSha256, perceptualHash, lumaStd, sharpness, entropy };
  return [{ imageId, sha256, key, sizeBytes, inspection, earlierScore }];
}
