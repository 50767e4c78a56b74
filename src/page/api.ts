// Every request and answer between the annotation page and its server: JSON in UTF-8, names as they go over the wire. Both halves compile
// against this file; neither sends or expects anything else. Nothing here holds an image_id, a model, a seed or a file name: whoever
// chooses must not be able to tell which is which.
//
//   GET  /join/<token>          sets the cookie (HttpOnly, SameSite=Strict) and redirects to /, so that the token leaves the address bar
//   GET  /                      the page; without a cookie a 401 page that says what to do
//   GET  /api/session           SessionAnswer
//   POST /api/tasks             TasksRequest → TasksAnswer
//   POST /api/votes             VotesRequest → VotesAnswer
//   GET  /api/votes?before=…    HistoryAnswer
//   GET  /api/lead              LeadAnswer; for anybody else than the lead 403 `not-lead`
//   GET  /pictures/…            Image.thumb and Image.full, as the answers give them
//   POST /api/csp-reports       what the browser reports by itself against the Content-Security-Policy
//
// A POST carries `content-type: application/json` and the browser's own Origin. Any answer but 2xx has an ErrorAnswer as its body.

/** How people answer: which of two, the best of 2 to 4, the best and the worst of 3 or 4, or all of 2 to 4 in order. */
export type TaskKind = "pair" | "best" | "best-worst" | "rank";

export type Role = "annotator" | "lead";

export type Language = "en" | "zh";

/** What somebody may mark an image with, besides choosing. */
export type Flag = "nsfw" | "artefact" | "text" | "duplicate" | "corrupt";

/** Who asks, and what there is to do. Asked for once at the start, and again where progress is to be shown. */
export interface SessionAnswer {
  /** The dataset's random id: a browser keeps unsent votes by dataset and annotator, where several are served at one address. */
  readonly dataset: string;
  readonly annotator: string;
  readonly role: Role;
  readonly task: TaskKind;
  /** Names, in the order of the configuration. With one alone the page need not show which is asked for. */
  readonly criteria: readonly string[];
  /** Plain text; null where the configuration names no file. */
  readonly guidelines: string | null;
  readonly language: Language;
  readonly progress: Progress;
}

export interface Progress {
  /** Own votes that count, skips included, undone ones not. */
  readonly done: number;
  /** Tasks that this person could still be given as things are; it can grow while images are made and votes are split. */
  readonly left: number;
  /** Own votes an hour at the pace of the last ten minutes. */
  readonly per_hour: number;
}

export interface TasksRequest {
  /** task_ids that the browser has and nobody has answered: their leases are renewed, and none of them comes again. At most 20. */
  readonly holding: readonly string[];
  /** How many more are wanted, 0 to 10. 0 renews leases alone. */
  readonly count: number;
}

export interface TasksAnswer {
  /** To be shown in this order; fewer than asked for where no more are to be had. What a closed tab held comes first. */
  readonly tasks: readonly Task[];
  /** Held task_ids that have gone to others or need no more votes: leave out what is not on screen. An answer to one is still taken. */
  readonly gone: readonly string[];
  readonly progress: Progress;
}

/** Images of one prompt to be compared by one person. */
export interface Task {
  /** Opaque, unique for ever. */
  readonly task_id: string;
  readonly criterion: string;
  /** To be shown as text. Comes from files that anyone may have written: never HTML. Cut after 10,000 characters, and says so at its end. */
  readonly prompt: string;
  /** "" where there is none. Cut as the prompt is. */
  readonly negative: string;
  /** 2 to 4, in the order to be shown in: at random, and recorded by the server. */
  readonly images: readonly Image[];
  /** What the prompt came with; shown beside it, not voted on. */
  readonly references: readonly Reference[];
  /** Epoch ms on the server's clock, until when nobody else is given it. Renewed by holding it in TasksRequest. */
  readonly leased_until_ms: number;
}

/** An image in a place of a task. */
export interface Image {
  /** Opaque; names the image in answers to this task and nowhere else. */
  readonly slot: string;
  /** Path of a WebP of at most 1024 px a side. */
  readonly thumb: string;
  /** Path of the image as it was made, without its texts. */
  readonly full: string;
  /** Of the full image, px. */
  readonly width: number;
  readonly height: number;
}

/** As Image; without a slot, because nobody answers with it. */
export interface Reference {
  readonly thumb: string;
  readonly full: string;
}

/**
 * What was answered. `best` fits every kind of task; `best-worst` takes two different slots and is for 3 or more images; `ranking` is
 * best first, slots that are tied in one inner list, and names every slot of the task once.
 */
export type Answer =
  | { readonly kind: "best"; readonly best: string }
  | { readonly kind: "best-worst"; readonly best: string; readonly worst: string }
  | { readonly kind: "ranking"; readonly ranking: readonly (readonly string[])[] }
  /** All are equal. */
  | { readonly kind: "tie" }
  /** None is any good. */
  | { readonly kind: "both-bad" }
  /** Cannot tell; the task goes to somebody else. */
  | { readonly kind: "skip" };

export interface VoteEntry {
  readonly kind: "vote";
  /** A UUID made by the browser when the person chose, kept until the vote is confirmed. The same one twice counts once. */
  readonly vote_id: string;
  readonly task_id: string;
  readonly answer: Answer;
  /** By slot; slots without a flag may be left out. */
  readonly flags: Readonly<Record<string, readonly Flag[]>>;
  /** From the images on screen to the choice, ms; a whole number from 0. */
  readonly ms: number;
}

/** Takes back any earlier own vote. The task is then this person's again, to be voted on under a new vote_id. Twice does no harm. */
export interface UndoEntry {
  readonly kind: "undo";
  readonly vote_id: string;
}

export interface VotesRequest {
  /** In the order in which the person did it, 1 to 100; send the next batch once this one is answered, or an undo could overtake its vote. */
  readonly entries: readonly (VoteEntry | UndoEntry)[];
}

export interface VotesAnswer {
  /** One for each entry, in their order. All that is confirmed is on the disk. */
  readonly results: readonly EntryResult[];
  readonly progress: Progress;
}

export type EntryResult =
  /** Done, now or before: take it out of the queue. */
  | { readonly kind: "confirmed"; readonly vote_id: string }
  /** Taken back, now or before. `task` is to be shown again; null where its images are no longer there. */
  | { readonly kind: "undone"; readonly vote_id: string; readonly task: Task | null }
  /** Will never be taken: out of the queue, and tell the person. */
  | { readonly kind: "refused"; readonly vote_id: string; readonly reason: RefusedReason; readonly message: string };

export type RefusedReason =
  /** No such task was ever given to this person. */
  | "unknown-task"
  /** Undo of a vote that never arrived or is somebody else's. */
  | "unknown-vote"
  /** The task has another vote of this person that is not undone: another tab was quicker. */
  | "already-answered"
  /** The vote_id belongs to a vote with other content. */
  | "other-vote"
  /** The answer does not fit the task: a slot that it has not, one named twice, a worst for two images. */
  | "bad-answer";

/** Own votes that are not undone, newest first, 20 a page: what Z goes back through, also after a reload. */
export interface HistoryAnswer {
  readonly votes: readonly HistoryVote[];
  /** For `?before=`; null at the end. */
  readonly next: string | null;
}

export interface HistoryVote {
  readonly vote_id: string;
  readonly answer: Answer;
  readonly flags: Readonly<Record<string, readonly Flag[]>>;
  /** Null where its images are no longer there. */
  readonly task: Task | null;
  /** Epoch ms. */
  readonly cast_at_ms: number;
}

export interface LeadAnswer {
  readonly all: Quality & {
    /** Krippendorff's alpha, nominal, over which of two images is preferred; 1 is full agreement, 0 is chance. */
    readonly alpha: number | null;
  };
  readonly annotators: readonly (Quality & {
    readonly annotator: string;
    readonly role: Role;
    readonly state: "invited" | "active" | "revoked" | "forgotten";
    /** True: their votes do not count in linking. */
    readonly excluded: boolean;
    /** Epoch ms of the last request; null: never came. */
    readonly seen_at_ms: number | null;
  })[];
  readonly tasks: {
    /** Comparisons that have all the votes they need. */
    readonly done: number;
    readonly open: number;
    /** Split until `max_votes` was reached. */
    readonly disputed: number;
    /** Votes still needed, as things are. */
    readonly votes_left: number;
    /** Prompts whose images are not all there yet, or not yet looked at by `judge`. */
    readonly prompts_waiting: number;
  };
  /** Reports that browsers sent against the Content-Security-Policy since the server started: anything but 0 is a bug or an attack. */
  readonly csp_reports: number;
}

/** Numbers of one person or of all. Shares are 0 to 1; null where there is nothing to take one of. */
export interface Quality {
  /** Not undone; skips included, gold and repeats not. */
  readonly votes: number;
  readonly skips: number;
  readonly median_ms: number | null;
  /** Votes in the last hour. */
  readonly per_hour: number;
  /** Share of known answers that were given. */
  readonly gold_accuracy: number | null;
  readonly gold_votes: number;
  /** Share of repeated tasks that got the same answer again. */
  readonly self_consistency: number | null;
  readonly repeats: number;
  /** Share of pairs of votes by two people on the same two images that say the same. */
  readonly agreement: number | null;
}

/** The body of every answer that is no success. */
export interface ErrorAnswer {
  readonly error: ErrorCode;
  /** Plain, short, in English: cannot do what, why. */
  readonly message: string;
  /** What to try. */
  readonly hint: string | null;
}

export type ErrorCode =
  /** 401: no cookie, or one that is revoked: ask for a new link. Keep unsent votes. */
  | "not-joined"
  /** 403 */
  | "not-lead"
  /** 403: the Host or Origin header is not this server's. */
  | "wrong-origin"
  /** 400: not the JSON that this file describes. Sending it again cannot help. */
  | "bad-request"
  | "not-found"
  /** 413 */
  | "too-large"
  /** 429, with Retry-After in s. */
  | "too-many-requests"
  /** 503: the server is ending, or the store or the disk is in trouble: send again later. */
  | "unavailable"
  /** 500 */
  | "internal";
