/**
 * True once this tab alone has a name; it holds it as long as it is open. Two tabs of one person would show the same tasks twice.
 * `onWait` is called where another tab has it. Browsers without locks (the page on plain http from another host) answer at once.
 */
export async function holdAlone(name: string, onWait: () => void): Promise<void> {
  if (!("locks" in navigator)) return;
  const { locks } = navigator;
  const isMine = await new Promise<boolean>((resolve) => {
    void locks.request(name, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : untilClosed();
    });
  });
  if (isMine) return;
  onWait();
  await new Promise<void>((resolve) => {
    void locks.request(name, () => {
      resolve();
      return untilClosed();
    });
  });
}

/** A lock is held until the promise of its holder settles, or its tab is closed. */
function untilClosed(): Promise<never> {
  return new Promise(() => undefined);
}
