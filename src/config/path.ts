/** Keys and list indexes from the top of the configuration. */
export type Path = readonly (string | number)[];

/** As users write it: `servers[0].url`, `annotate.pairs["my set"]`. */
export function formatPath(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      if (!/^[\p{L}\p{N}_-]+$/u.test(step)) return `[${JSON.stringify(step)}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join("");
}
