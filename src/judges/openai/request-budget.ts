/** Requests set aside for one group. */
export interface RequestShare extends Disposable {
  /** Counts a request that is about to be sent; false where the bound allows none. */
  spend(): boolean;
}

export interface RequestBudget {
  readonly sent: number;
  /** Null where so many are not left. Disposing gives back what was not sent. */
  reserve(requests: number): RequestShare | null;
}

/** A bound that holds whatever is in flight: a group begins only if all its requests fit, and extra ones only if there is room. */
export function requestBudget(max: number): RequestBudget {
  let sent = 0;
  let reserved = 0;
  return {
    get sent() {
      return sent;
    },
    reserve(requests) {
      if (sent + reserved + requests > max) return null;
      let left = requests;
      reserved += requests;
      return {
        spend() {
          if (left > 0) {
            left--;
            reserved--;
          } else if (sent + reserved >= max) return false;
          sent++;
          return true;
        },
        [Symbol.dispose]() {
          reserved -= left;
          left = 0;
        },
      };
    },
  };
}
