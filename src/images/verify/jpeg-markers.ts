/** Marker codes, the byte after 0xFF. Source: ITU-T T.81, table B.1. */
export const JPEG_MARKERS = { soi: 0xd8, eoi: 0xd9, sos: 0xda, app1: 0xe1, app13: 0xed, comment: 0xfe } as const;

/** Markers that stand in coded data and end nothing. */
export function isRestart(code: number): boolean {
  return code >= 0xd0 && code <= 0xd7;
}
