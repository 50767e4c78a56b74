import type { CalibrationEvent } from "./report/calibration.ts";
import type { Json, JsonObject } from "../lib/exact-json.ts";

/** Events that commands write to stdout with --json, besides those of the stages and the last one, `done`. Public: scripts read them. */
export type ResultEvent =
  /** check: one line of the doctor's table. */
  | { readonly event: "finding"; readonly what: string; readonly ok: boolean; readonly warning: boolean; readonly text: string }
  /** generate --dry-run. */
  | {
      readonly event: "arithmetic";
      readonly prompts: number;
      readonly duplicates: number;
      readonly seeds: number;
      readonly variants: number;
      readonly candidates: number;
      readonly reference_files: number;
      /** The variants as a product of their lists. */
      readonly text: string;
    }
  /** generate --dry-run, where the dataset exists: what planning would change. All but the prompts count candidates. */
  | {
      readonly event: "would_plan";
      readonly new_prompts: number;
      readonly new: number;
      readonly kept: number;
      /** Set aside before. */
      readonly back: number;
      readonly aside: number;
      readonly aside_prompts: number;
    }
  /** generate --dry-run: one of the first candidates. */
  | {
      readonly event: "plan";
      readonly prompt: string;
      readonly variant: string;
      readonly seed: bigint;
      readonly job: string;
      /** Values of the prompt's own by bound name. */
      readonly bound: JsonObject;
      /** SHA-256 of reference images by bound name. */
      readonly references: Readonly<Record<string, string>>;
    }
  /** judge --dry-run: what one judge has left to do. `requests`: at least. `scored`: images, by this version and by older ones. */
  | {
      readonly event: "would_judge";
      readonly judge: string;
      readonly version: string;
      readonly groups: number;
      readonly images: number;
      readonly requests: number;
      readonly scored: number;
      readonly scored_before: { readonly [version: string]: number };
    }
  /** init. `workflow_written`: the workflow came out of an image or a server. */
  | { readonly event: "config"; readonly file: string; readonly workflow: string; readonly workflow_written: boolean }
  | { readonly event: "report"; readonly uri: string }
  | CalibrationEvent
  | { readonly event: "demo"; readonly rows: string; readonly card: string; readonly report: string; readonly first_row: Json }
  /** servers: one of them; and how many there are. */
  | {
      readonly event: "server";
      readonly url: string;
      readonly state: string;
      readonly version: string;
      readonly model: string;
      readonly ours: number;
      readonly theirs: number;
      readonly vram_free_bytes: number;
      readonly per_minute: number;
      readonly done: number;
      readonly errors: number;
      readonly why: string;
    }
  | { readonly event: "servers"; readonly servers: number; readonly answering: number }
  /** servers drain, resume, interrupt, free, clear. */
  | { readonly event: "server_told"; readonly url: string; readonly action: string }
  /** emulate: one server. */
  | { readonly event: "emulator"; readonly url: string }
  | { readonly event: "retried"; readonly jobs: number; readonly images: number; readonly fetched_again: number }
  /** prune, without and with --yes; `versions`: exports whose images stay. */
  | {
      readonly event: "prunable" | "pruned";
      readonly images: number;
      readonly bytes: number;
      readonly versions: number;
      readonly store: string;
    }
  /** prune: an object that no row stands for; and all of them. */
  | { readonly event: "orphan"; readonly uri: string; readonly bytes: number }
  | { readonly event: "orphans"; readonly objects: number; readonly bytes: number; readonly deleted: boolean }
  /** exclude and exclude undo, without --yes; counts of images, and of linked rows that show one. */
  | {
      readonly event: "excludable";
      readonly action: "exclude" | "undo";
      readonly images: number;
      readonly prompts: number;
      readonly stored: number;
      readonly listed: number;
      readonly excluded: number;
      readonly rows: number;
      /** With --redo: how many would be made again. */
      readonly remakeable: number;
    }
  /** The same, with --yes. */
  | { readonly event: "excluded" | "restored"; readonly images: number; readonly remade: number }
  /** exclude list. `gone`: no longer in the store. */
  | {
      readonly event: "exclusions";
      readonly reasons: readonly { readonly reason: string; readonly images: number; readonly gone: number }[];
    }
  /** lifecycle: the rules of the whole bucket. */
  | { readonly event: "lifecycle"; readonly store: string; readonly supported: boolean; readonly rules: readonly JsonObject[] }
  /** verify: `image_id` where it is one image of the store. */
  | { readonly event: "problem"; readonly where: string; readonly problem: string; readonly image_id: string | null }
  | {
      readonly event: "verified";
      /** Verifies the exported version. Returns null if nothing was exported yet. */
      readonly version: { readonly uri: string; readonly files: number; readonly rows: number; readonly images: number } | null;
      readonly store: string;
      readonly stored_images: number;
      readonly problems: number;
    }
  /** export diff --rows: one row. `columns`: top-level keys with another value. */
  | {
      readonly event: "diff_row";
      readonly table: string;
      readonly id: string;
      readonly change: "came" | "went" | "changed" | "moved";
      readonly from: string | null;
      readonly to: string | null;
      readonly columns: readonly string[];
    }
  /** export diff: one split; and all of them. `files`: tables whose rows have no id. */
  | {
      readonly event: "diff_split";
      readonly table: string;
      readonly split: string;
      readonly same: number;
      readonly came: number;
      readonly went: number;
      readonly changed: number;
      readonly moved_here: number;
      readonly columns: { readonly [column: string]: number };
    }
  | {
      readonly event: "diff";
      readonly before: string;
      readonly after: string;
      readonly same: number;
      readonly came: number;
      readonly went: number;
      readonly changed: number;
      readonly moved: number;
      readonly files: readonly { readonly table: string; readonly equal: boolean }[];
    }
  /** push. `commit`: null where there was nothing to change. `sent_bytes`: of large files. */
  | {
      readonly event: "pushed";
      readonly version: string;
      readonly repo: string;
      readonly branch: string;
      readonly url: string;
      readonly commit: string | null;
      readonly added: number;
      readonly same: number;
      readonly removed: number;
      readonly sent_bytes: number;
    }
  /** annotate export-tasks. */
  | { readonly event: "tasks"; readonly tasks: number; readonly file: string; readonly settings: string | null }
  /** annotate import: what is no vote that can be imported. */
  | {
      readonly event: "vote_problem";
      /** From 1, of what `unit` says. */
      readonly line: number;
      readonly unit: "line" | "row";
      /** From 1, in a JSON array. */
      readonly record: number | null;
      readonly reason: string;
      readonly message: string;
    }
  | {
      readonly event: "votes";
      readonly format: string;
      readonly imported: number;
      readonly already: number;
      /** Drafts and the like. */
      readonly passed_over: { readonly [reason: string]: number };
      readonly refused: { readonly [reason: string]: number };
    }
  /** annotate serve: it listens. `lead_url` opens the page as the lead: a secret. */
  | { readonly event: "serving"; readonly url: string; readonly lead_url: string }
  /** annotate invite: a personal link, shown once: a secret. */
  | { readonly event: "invited"; readonly annotator: string; readonly url: string }
  /** annotate people: one of them, and revoke, exclude, forget: how they stand now. */
  | {
      readonly event: "annotator";
      readonly annotator: string;
      readonly role: string;
      readonly state: string;
      readonly excluded: boolean;
      readonly votes: number;
      readonly seen_at_ms: number | null;
    }
  /** harvest --adopt. `known`: there before. `refused`: files, entries and lines by reason. */
  | {
      readonly event: "adopted";
      readonly source: string;
      readonly images: number;
      readonly known: number;
      readonly refused: { readonly [reason: string]: number };
    }
  /** status. */
  | ({ readonly event: "status" } & { readonly [key: string]: Json });
