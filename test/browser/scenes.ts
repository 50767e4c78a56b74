import { writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";

/** Side of an image, px. */
const SIDE_PX = 1024;
const PER_PROMPT = 4;

/** The scenes: hue of the sky, hue of the ground, and height of the sun. */
const SCENES = [
  { prompt: "a lighthouse on a cliff at dusk, flat colours, calm sea", sky: 28, ground: 210, sunAt: 0.52, tower: true },
  { prompt: "rolling hills in early spring, paper cut-out, morning light", sky: 195, ground: 105, sunAt: 0.3, tower: false },
  { prompt: "a desert at noon, poster in three colours", sky: 200, ground: 32, sunAt: 0.2, tower: false },
  { prompt: "mountains at night under a full moon, screen print", sky: 232, ground: 245, sunAt: 0.25, tower: false },
  { prompt: "an island with a watchtower, seen from a boat, screen print", sky: 180, ground: 160, sunAt: 0.4, tower: true },
];

/** Returns numbers from 0 up to 1, the same for the same seed. Source: the linear congruential generator of Numerical Recipes. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

function hill(random: () => number, heightPx: number, colour: string): string {
  const points = Array.from({ length: 9 }, (_, index) => {
    const y = SIDE_PX - heightPx - Math.sin(index * (0.7 + random()) + random() * 6) * 60;
    return `${(index * SIDE_PX) / 8} ${y.toFixed(0)}`;
  });
  return `<path d="M0 ${SIDE_PX} L${points.join(" L")} L${SIDE_PX} ${SIDE_PX} Z" fill="${colour}"/>`;
}

function draw({ sky, ground, sunAt, tower }: (typeof SCENES)[number], seed: number): string {
  const random = randomOf(seed);
  const night = sky > 220;
  const bands = Array.from({ length: 5 }, (_, band) => {
    const light = night ? 12 + band * 5 : 62 + band * 6;
    return `<rect y="${band * 150}" width="${SIDE_PX}" height="${SIDE_PX}" fill="hsl(${sky + band * (4 + random() * 6)} 60% ${light}%)"/>`;
  });
  const sunX = 180 + random() * 660;
  const sun = `<circle cx="${sunX}" cy="${SIDE_PX * sunAt}" r="${60 + random() * 70}" fill="${night ? "#f4f1de" : "#fff3c4"}"/>`;
  const hills = Array.from({ length: 4 }, (_, layer) =>
    hill(random, 460 - layer * 110, `hsl(${ground + random() * 18} ${35 + random() * 20}% ${night ? 26 - layer * 5 : 58 - layer * 10}%)`),
  );
  const x = 260 + random() * 440;
  const house = `<path d="M${x - 26} 700 L${x - 16} 380 H${x + 16} L${x + 26} 700 Z" fill="#f7f3ea"/><rect x="${x - 22}" y="350" width="44" height="34" fill="#c8553d"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE_PX}" height="${SIDE_PX}">${bands.join("")}${sun}${hills.slice(0, 2).join("")}${tower ? house : ""}${hills.slice(2).join("")}</svg>`;
}

/** Writes drawn images, four for each prompt, and returns the JSONL that names them, ready for `harvest --adopt`. */
export async function writeScenes(dir: string): Promise<string> {
  const lines: string[] = [];
  for (const [index, scene] of SCENES.entries()) {
    for (let copy = 0; copy < PER_PROMPT; copy++) {
      const file = `scene-${index}-${copy}.png`;
      await sharp(Buffer.from(draw(scene, index * 100 + copy + 7)))
        .png()
        .toFile(join(dir, file));
      lines.push(JSON.stringify({ prompt: scene.prompt, file, model: "drawn", seed: copy }));
    }
  }
  const jsonl = join(dir, "scenes.jsonl");
  writeFileSync(jsonl, `${lines.join("\n")}\n`);
  return jsonl;
}
