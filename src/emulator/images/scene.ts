type Color = readonly [red: number, green: number, blue: number];

/** Part of an image, pixels. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Scene {
  readonly width: number;
  readonly height: number;
  /** Hex digest of the prompt's text: the colours. */
  readonly palette: string;
  /** Hex digest of everything that reached the sampler: the composition. */
  readonly key: string;
  readonly region: Region;
}

interface Shape {
  readonly kind: "disc" | "bar" | "slope";
  /** Centre and half extents, pixels. */
  readonly x: number;
  readonly y: number;
  readonly halfWidth: number;
  readonly halfHeight: number;
  readonly color: Color;
  /** 0…1. */
  readonly opacity: number;
  /** Width of its soft edge, pixels. */
  readonly edge: number;
}

/** Half of the images have grain, up to this, 0…255. */
const GRAIN_MAX = 14;

/** Paints what stands for a sampler's image: a gradient with shapes. The prompt gives the colours, the key all else. */
export function paintScene(rgb: Uint8Array, scene: Scene): void {
  const random = randomSource(scene.key);
  const colors = paletteOf(scene.palette);
  const pick = (): Color => colors[Math.floor(random() * colors.length)] ?? [128, 128, 128];
  const from = pick();
  const to = shade(pick(), 0.35 + random() * 0.5);
  const angle = random() * 2 * Math.PI;
  const shapes = shapesOf(scene, { random, pick });
  const grain = Math.max(0, Math.floor((2 * random() - 1) * GRAIN_MAX));
  const grainSeed = Math.floor(random() * 0x7fff_ffff);

  const { region } = scene;
  const dx = Math.cos(angle) / scene.width;
  const dy = Math.sin(angle) / scene.height;
  // The gradient runs from 0 to 1 between the two corners that lie farthest along its direction.
  const span = Math.abs(Math.cos(angle)) + Math.abs(Math.sin(angle));
  const offset = Math.min(0, Math.cos(angle)) + Math.min(0, Math.sin(angle));
  let at = 0;
  for (let y = region.y; y < region.y + region.height; y++) {
    const rowStart = at;
    let share = (region.x * dx + y * dy - offset) / span;
    const step = dx / span;
    for (let x = 0; x < region.width; x++) {
      rgb[at++] = from[0] + (to[0] - from[0]) * share;
      rgb[at++] = from[1] + (to[1] - from[1]) * share;
      rgb[at++] = from[2] + (to[2] - from[2]) * share;
      share += step;
    }
    for (const shape of shapes) paintRow(rgb, { shape, y, rowStart, region });
    if (grain > 0) addGrain(rgb, { rowStart, rowEnd: at, grain, seed: Math.imul(grainSeed + y, 0x9e3779b1) });
  }
}

interface Source {
  readonly random: () => number;
  readonly pick: () => Color;
}

function shapesOf({ width, height }: Scene, { random, pick }: Source): Shape[] {
  const side = Math.min(width, height);
  const softness = side * random() ** 3 * 0.12;
  const count = 4 + Math.floor(random() * 7);
  return Array.from({ length: count }, () => {
    const choice = random();
    return {
      kind: choice < 0.5 ? "disc" : choice < 0.8 ? "slope" : "bar",
      x: random() * width,
      y: random() * height,
      halfWidth: side * (0.06 + random() * 0.3),
      halfHeight: side * (0.06 + random() * 0.3),
      color: shade(pick(), 0.55 + random() * 0.7),
      opacity: 0.55 + random() * 0.45,
      edge: 0.5 + softness,
    };
  });
}

interface Row {
  readonly shape: Shape;
  readonly y: number;
  /** Offset of the row in the pixels. */
  readonly rowStart: number;
  readonly region: Region;
}

/** Blends one shape's span in one row. */
function paintRow(rgb: Uint8Array, { shape, y, rowStart, region }: Row): void {
  const rise = (y + 0.5 - shape.y) / shape.halfHeight;
  if (Math.abs(rise) >= 1) return;
  const half = halfSpan(shape, rise);
  // The upper and the lower edge are as soft as the sides.
  const vertical = Math.min(1, ((1 - Math.abs(rise)) * shape.halfHeight) / shape.edge);
  const first = Math.max(region.x, Math.floor(shape.x - half));
  const last = Math.min(region.x + region.width - 1, Math.ceil(shape.x + half));
  for (let x = first; x <= last; x++) {
    const inside = half - Math.abs(x + 0.5 - shape.x);
    if (inside <= 0) continue;
    const alpha = shape.opacity * Math.min(1, inside / shape.edge) * vertical;
    const at = rowStart + (x - region.x) * 3;
    for (let channel = 0; channel < 3; channel++) {
      const below = rgb[at + channel] ?? 0;
      rgb[at + channel] = below + ((shape.color[channel] ?? 0) - below) * alpha;
    }
  }
}

function halfSpan({ kind, halfWidth }: Shape, rise: number): number {
  if (kind === "disc") return halfWidth * Math.sqrt(1 - rise * rise);
  return kind === "slope" ? (halfWidth * (1 + rise)) / 2 : halfWidth;
}

interface Grain {
  readonly rowStart: number;
  readonly rowEnd: number;
  readonly grain: number;
  readonly seed: number;
}

function addGrain(rgb: Uint8Array, { rowStart, rowEnd, grain, seed }: Grain): void {
  let state = seed | 1;
  for (let at = rowStart; at < rowEnd; at += 3) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223;
    const delta = ((state >>> 24) % (2 * grain + 1)) - grain;
    for (let channel = at; channel < at + 3; channel++) {
      const value = (rgb[channel] ?? 0) + delta;
      rgb[channel] = value < 0 ? 0 : value > 255 ? 255 : value;
    }
  }
}

/** Five colours around one hue and its opposite. */
function paletteOf(palette: string): Color[] {
  const random = randomSource(palette);
  const hue = random();
  const spread = 0.04 + random() * 0.1;
  return [
    fromHsl(hue, 0.55 + random() * 0.4, 0.5),
    fromHsl(hue + spread, 0.5 + random() * 0.4, 0.62),
    fromHsl(hue - spread, 0.5 + random() * 0.4, 0.4),
    fromHsl(hue + 0.5, 0.4 + random() * 0.5, 0.55),
    fromHsl(hue + random(), 0.2 + random() * 0.3, 0.82),
  ];
}

function shade([red, green, blue]: Color, factor: number): Color {
  return [Math.min(255, red * factor), Math.min(255, green * factor), Math.min(255, blue * factor)];
}

/** Hue, saturation and lightness 0…1 (hue wraps). */
function fromHsl(hue: number, saturation: number, lightness: number): Color {
  const reach = saturation * Math.min(lightness, 1 - lightness);
  const channel = (offset: number): number => {
    const position = (offset + hue * 12 + 24) % 12;
    return 255 * (lightness - reach * Math.max(-1, Math.min(position - 3, 9 - position, 1)));
  };
  return [channel(0), channel(8), channel(4)];
}

/** Numbers in [0, 1), the same for the same key (mulberry32 over the key's first 32 bits). */
function randomSource(key: string): () => number {
  let state = Number.parseInt(key.slice(0, 8), 16) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}
