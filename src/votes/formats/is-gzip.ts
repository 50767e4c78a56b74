export function isGzip(file: string): boolean {
  return /\.gz$/i.test(file);
}
