import type { Field, ScalarFeature } from "../../../exporters/row-columns.ts";

/** Columns of one type, by name. */
export function scalars(dtype: ScalarFeature["dtype"], ...names: readonly string[]): readonly Field[] {
  return names.map((name) => ({ name, feature: { dtype } }));
}

/** Columns that are lists of one type, by name. */
export function lists(dtype: ScalarFeature["dtype"], ...names: readonly string[]): readonly Field[] {
  return names.map((name) => ({ name, feature: { items: { dtype } } }));
}
