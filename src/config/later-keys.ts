/** Keys that are promised and not there yet: they are told so, instead of being told unknown. */
export const LATER_KEYS: ReadonlySet<string> = new Set(["runner"]);
