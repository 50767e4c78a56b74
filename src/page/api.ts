// Every request and answer between the annotation page and its server: JSON in UTF-8, with the names that are sent. Both halves are
// compiled against this file and send nothing else. Nothing here contains an image_id, a model, a seed or a file name, because nobody who
// chooses may be able to tell which image is which.
//
//   GET  /join/<token>          sets the cookie (HttpOnly, SameSite=Strict) and redirects to /, so that the token leaves the address bar
//   GET  /                      the page; without a cookie, a 401 page that says what to do
//   GET  /api/session           SessionAnswer
//   POST /api/tasks             TasksRequest → TasksAnswer
//   POST /api/votes             VotesRequest → VotesAnswer
//   GET  /api/votes?before=…    HistoryAnswer
//   GET  /api/lead              LeadAnswer; 403 `not-lead` for anybody but the lead
//   GET  /pictures/…            the paths in Image.thumb and Image.full
//   POST /api/csp-reports       reports that the browser sends about the Content-Security-Policy
//
// A POST has `content-type: application/json` and the Origin that the browser sets. Every answer but 2xx has an ErrorAnswer as its body.

/** The kinds of task: choose one of two, the best of 2 to 4, the best and the worst of 3 or 4, or rank 2 to 4. */
export type TaskKind = "pair" | "best" | "best-worst" | "rank";

export type Role = "annotator" | "lead";

export type Language = "en" | "zh";

/** A mark that a person may set on an image, besides choosing. */
export type Flag = "nsfw" | "artefact" | "text" | "duplicate" | "corrupt";

/** The person who is signed in, and their work. Requested at the start, and whenever progress is to be shown. */
export interface SessionAnswer {
  /**
   * The dataset's random id. A browser stores unsent votes by dataset and annotator, because several datasets may be served at one address.
   */
  readonly dataset: string;
  readonly annotator: string;
  readonly role: Role;
  readonly task: TaskKind;
  /** Names, in the order of the configuration. If there is only one, the page need not show it. */
  readonly criteria: readonly string[];
  /** Plain text. Null if the configuration names no file. */
  readonly guidelines: string | null;
  readonly language: Language;
  readonly progress: Progress;
}

export interface Progress {
  /** Own votes that were not undone, skips included. */
  readonly done: number;
  /** Tasks that this person could still be given. It can grow while images are made and votes are split. */
  readonly left: number;
  /** Own votes per hour, at the pace of the last ten minutes. */
  readonly per_hour: number;
}

export interface TasksRequest {
  /** Unanswered task_ids that the browser has. Their leases are renewed, and none of them is sent again. At most 20. */
  readonly holding: readonly string[];
  /** Number of additional tasks wanted, 0 to 10. 0 only renews leases. */
  readonly count: number;
}

export interface TasksAnswer {
  /** Shown in this order. Fewer than requested if there are no more. Tasks that a closed tab held come first. */
  readonly tasks: readonly Task[];
  /**
   * Held task_ids that others have now or that need no more votes. Drop those that are not on screen. An answer to one is still accepted.
   */
  readonly gone: readonly string[];
  readonly progress: Progress;
}

/** Images of one prompt, to be compared by one person. */
export interface Task {
  /** Opaque, and never used again. */
  readonly task_id: string;
  readonly criterion: string;
  /**
   * Show it as text, never as HTML: it comes from files that anyone may have written. Cut after 10,000 characters, with a mark at its end.
   */
  readonly prompt: string;
  /** "" if there is none. Cut like the prompt. */
  readonly negative: string;
  /** 2 to 4 images in the order to be shown: a random order that the server records. */
  readonly images: readonly Image[];
  /** Reference images of the prompt. Shown beside it, not voted on. */
  readonly references: readonly Reference[];
  /** Epoch ms on the server's clock. Until then nobody else is given the task. Holding it in a TasksRequest renews it. */
  readonly leased_until_ms: number;
}

/** An image of a task. */
export interface Image {
  /** Opaque. Names the image in answers to this task and nowhere else. */
  readonly slot: string;
  /** Path of a WebP of at most 1024 px a side. */
  readonly thumb: string;
  /** Path of the original image, without its metadata. */
  readonly full: string;
  /** Size of the original, px. */
  readonly width: number;
  readonly height: number;
}

/** Like Image, but without a slot, because no answer names it. */
export interface Reference {
  readonly thumb: string;
  readonly full: string;
}

/**
 * An answer. `best` fits every kind of task. `best-worst` names two different slots and needs 3 or more images. `ranking` is best first,
 * with tied slots in one inner list, and names every slot of the task once.
 */
export type Answer =
  | { readonly kind: "best"; readonly best: string }
  | { readonly kind: "best-worst"; readonly best: string; readonly worst: string }
  | { readonly kind: "ranking"; readonly ranking: readonly (readonly string[])[] }
  /** All images are equal. */
  | { readonly kind: "tie" }
  /** No image is good. */
  | { readonly kind: "both-bad" }
  /** The person cannot tell. Somebody else gets the task. */
  | { readonly kind: "skip" };

export interface VoteEntry {
  readonly kind: "vote";
  /** A UUID that the browser creates at the choice and keeps until the vote is confirmed. The same id twice counts once. */
  readonly vote_id: string;
  readonly task_id: string;
  readonly answer: Answer;
  /** By slot. Slots without flags may be left out. */
  readonly flags: Readonly<Record<string, readonly Flag[]>>;
  /** Time from the images on screen to the choice, ms. A whole number from 0. */
  readonly ms: number;
}

/** Undoes any earlier vote of this person. The task is theirs again, to be voted on with a new vote_id. A second undo does no harm. */
export interface UndoEntry {
  readonly kind: "undo";
  readonly vote_id: string;
}

export interface VotesRequest {
  /**
   * 1 to 100 entries, in the order in which the person made them. Send the next batch after the answer, or an undo could overtake its vote.
   */
  readonly entries: readonly (VoteEntry | UndoEntry)[];
}

export interface VotesAnswer {
  /** One result for each entry, in order. Everything confirmed is on the disk. */
  readonly results: readonly EntryResult[];
  readonly progress: Progress;
}

export type EntryResult =
  /** Accepted, now or before. Remove it from the outbox. */
  | { readonly kind: "confirmed"; readonly vote_id: string }
  /** Undone, now or before. Show `task` again. Null if its images are gone. */
  | { readonly kind: "undone"; readonly vote_id: string; readonly task: Task | null }
  /** Will never be accepted. Remove it from the outbox and tell the person. */
  | { readonly kind: "refused"; readonly vote_id: string; readonly reason: RefusedReason; readonly message: string };

export type RefusedReason =
  /** This person was never given this task. */
  | "unknown-task"
  /** Undo of a vote that never arrived or belongs to somebody else. */
  | "unknown-vote"
  /** This person already has a vote on the task that is not undone: another tab was quicker. */
  | "already-answered"
  /** The vote_id belongs to a vote with other content. */
  | "other-vote"
  /** The answer does not fit the task: an unknown slot, a slot named twice, or a worst of two images. */
  | "bad-answer";

/** Own votes that are not undone, newest first, 20 a page. Undo goes back through them, also after a reload. */
export interface HistoryAnswer {
  readonly votes: readonly HistoryVote[];
  /** The value for `?before=`. Null at the end. */
  readonly next: string | null;
}

export interface HistoryVote {
  readonly vote_id: string;
  readonly answer: Answer;
  readonly flags: Readonly<Record<string, readonly Flag[]>>;
  /** Null if its images are gone. */
  readonly task: Task | null;
  /** Epoch ms. */
  readonly cast_at_ms: number;
}

export interface LeadAnswer {
  readonly all: Quality & {
    /** Krippendorff's alpha, nominal, on which of two images is preferred. 1 is full agreement, 0 is chance. */
    readonly alpha: number | null;
  };
  readonly annotators: readonly (Quality & {
    readonly annotator: string;
    readonly role: Role;
    readonly state: "invited" | "active" | "revoked" | "forgotten";
    /** True if their votes do not count in linking. */
    readonly excluded: boolean;
    /** Epoch ms of the last request. Null if there was none. */
    readonly seen_at_ms: number | null;
  })[];
  readonly tasks: {
    /** Comparisons that have enough votes. */
    readonly done: number;
    readonly open: number;
    /** Comparisons that are still split at `max_votes`. */
    readonly disputed: number;
    /** Votes that are still needed. */
    readonly votes_left: number;
    /** Prompts whose images are not all stored and inspected yet. */
    readonly prompts_waiting: number;
  };
  /** Reports about the Content-Security-Policy since the server started. Anything but 0 is a bug or an attack. */
  readonly csp_reports: number;
}

/** Numbers of one person or of all. Shares are 0 to 1, and null if there is nothing to divide by. */
export interface Quality {
  /** Votes that are not undone: skips included, gold and repeats not. */
  readonly votes: number;
  readonly skips: number;
  readonly median_ms: number | null;
  /** Votes in the last hour. */
  readonly per_hour: number;
  /** Share of gold tasks that got the known answer. */
  readonly gold_accuracy: number | null;
  readonly gold_votes: number;
  /** Share of repeats that got the same answer again. */
  readonly self_consistency: number | null;
  readonly repeats: number;
  /** Share of pairs of votes by two people on the same two images that agree. */
  readonly agreement: number | null;
}

/** The body of every answer that is not a success. */
export interface ErrorAnswer {
  readonly error: ErrorCode;
  /** Short, in English: what could not be done, and why. */
  readonly message: string;
  /** What to try. */
  readonly hint: string | null;
}

export type ErrorCode =
  /** 401: no cookie, or a revoked one. Ask for a new link, and keep unsent votes. */
  | "not-joined"
  /** 403 */
  | "not-lead"
  /** 403: the Host or Origin header does not belong to this server. */
  | "wrong-origin"
  /** 400: not the JSON that this file describes. A retry cannot help. */
  | "bad-request"
  | "not-found"
  /** 413 */
  | "too-large"
  /** 429, with Retry-After in s. */
  | "too-many-requests"
  /** 503: the server is stopping, or the store or the disk does not work. Retry later. */
  | "unavailable"
  /** 500 */
  | "internal";
