/** The value that all of them are; null for none, and where they differ. */
export function onlyValue<Value>(values: readonly Value[]): Value | null {
  const [first] = values;
  return first === undefined || values.some((value) => value !== first) ? null : first;
}
