/** A number with its noun: `1 image`, `2 images`. `many` where an s alone does not do. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
