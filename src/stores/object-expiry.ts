/** A rule by which a store deletes objects by itself. */
export interface ExpiryRule {
  readonly id: string;
  readonly isEnabled: boolean;
  /** Days after an object was written; null: the rule does something else. */
  readonly days: number | null;
  /** Of keys in the whole bucket. */
  readonly prefix: string;
  readonly tags: Readonly<Record<string, string>>;
  /** The one that this program sets for this store's prefix. */
  readonly isOurs: boolean;
}

/** The tag by which our rule finds objects that nothing uses. Set by `prune --expire`. */
export const EXPIRY_TAG = { key: "comfy-dpo", value: "unused" } as const;

/** What a store with lifecycle rules can do besides. Methods throw as a store's do, and FatalError where this store has no rules after all. */
export interface ObjectExpiry {
  /** All rules of the bucket. */
  rules(signal?: AbortSignal): Promise<readonly ExpiryRule[]>;
  /** Sets our rule, null removes it. All other rules stay as they are. */
  setRule(days: number | null, signal?: AbortSignal): Promise<void>;
  /** Tags an object so that our rule finds it; its other tags stay. Missing objects are no error. */
  mark(key: string, signal?: AbortSignal): Promise<void>;
}
