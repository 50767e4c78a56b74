import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Vote } from "../../../src/stages/annotate/link/group-facts.ts";
import { rankByVotes } from "../../../src/stages/annotate/link/people.ts";
import type { Scenario } from "../benchmark.ts";
import { figuresOf } from "../figures.ts";

const VOTES = 2_000;
const IMAGES = 4;
/** Of random pairs, as annotators meet them. */
const VOTES_PER_GROUP = 10;
/**
 * Spread of the true strengths: the better of two wins 3 times of 4, about as often as people agree. Source: HPSv2's README, 65 to 78 %.
 */
const SPREAD = 1.5;
/** Both are at the maximum of one likelihood under other priors: of 200 groups they may differ in one or two, either way. */
const WANTED = 0.99;
/** Strengths are sums to 1, settled to 1e-12. */
const EQUAL = 1e-9;
const PYTHON = join(import.meta.dirname, "../../../.venv/bin/python");

interface Group {
  /** The truly best image. */
  readonly best: number;
  readonly comparisons: readonly (readonly [winner: number, loser: number])[];
}

/** Groups whose best was found; one that is found beside another as good counts by half, since chance would choose. */
interface Run {
  readonly groups: number;
  readonly ours: number;
  readonly peer: number;
}

/** Votes from a known Bradley–Terry model, drawn anew for each run; both rankings are of the same votes. */
export const votesScenario: Scenario = {
  name: "votes",
  summary: "2,000 simulated votes on groups of 4: the best of each recovered, and by choix (PyPI) from the same votes",
  run(options) {
    const done = Array.from({ length: options.runs }, (_, index): Run => {
      const groups = simulatedGroups(index + 1);
      const hits = (best: readonly (readonly number[])[]): number =>
        groups.reduce((sum, group, at) => sum + (best[at]?.includes(group.best) === true ? 1 / best[at].length : 0), 0);
      const run = { groups: groups.length, ours: hits(groups.map(bestOf)), peer: hits(bestByChoix(groups)) };
      options.tell(`  ${run.ours.toFixed(1)} of ${run.groups}; choix: ${run.peer.toFixed(1)}`);
      return run;
    });
    const figure = figuresOf("votes", done);
    return Promise.resolve([
      figure("best of 4 as in truth", "%", { of: ({ ours, groups }) => (100 * ours) / groups }),
      figure("peer: best of 4 as in truth", "%", { of: ({ peer, groups }) => (100 * peer) / groups }),
      figure("ours : peer", "×", { of: ({ ours, peer }) => ours / peer, target: { atLeast: WANTED } }),
    ]);
  },
};

function simulatedGroups(seed: number): readonly Group[] {
  const random = mulberry32(seed);
  return Array.from({ length: Math.floor(VOTES / VOTES_PER_GROUP) }, () => {
    const strengths = Array.from({ length: IMAGES }, () => Math.exp(SPREAD * normal(random)));
    const comparisons = Array.from({ length: VOTES_PER_GROUP }, (): readonly [number, number] => {
      const a = Math.floor(random() * IMAGES);
      const b = (a + 1 + Math.floor(random() * (IMAGES - 1))) % IMAGES;
      const [forA = 0, forB = 0] = [strengths[a], strengths[b]];
      return random() < forA / (forA + forB) ? [a, b] : [b, a];
    });
    return { best: strengths.indexOf(Math.max(...strengths)), comparisons };
  });
}

/** What linking would choose among. */
function bestOf({ comparisons }: Group): readonly number[] {
  const images = Array.from({ length: IMAGES }, (_, index) => ({
    imageId: String(index),
    state: "stored" as const,
    variant: "base",
    sha256: null,
    flagged: false,
    flawed: false,
    scores: new Map<string, number>(),
    look: { widthPx: 1, heightPx: 1, pixelSha256: String(index), perceptualHash: "", lumaStd: 40 },
  }));
  const votes = comparisons.map(([winner, loser]): Vote => ({
    kind: "choice",
    shown: [String(winner), String(loser)],
    ranking: [[String(winner)]],
  }));
  const scores = [...rankByVotes(votes, images, new Map()).scores];
  const highest = Math.max(...scores.map(([, score]) => score));
  return scores.filter(([, score]) => score > highest - EQUAL).map(([imageId]) => Number(imageId));
}

function bestByChoix(groups: readonly Group[]): readonly (readonly number[])[] {
  const script = join(import.meta.dirname, "recover_best.py");
  const input = JSON.stringify(groups.map(({ comparisons }) => comparisons));
  const { status, stdout, stderr } = spawnSync(PYTHON, [script], { input, encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot run choix: .venv/bin/pip install -r test/bench/annotate/parts.txt (${stderr.slice(-300)})`);
  return JSON.parse(stdout) as readonly (readonly number[])[]; // recover_best.py wrote it.
}

/** A small generator with a seed, so that a figure can be made again. @see https://github.com/bryc/code/blob/master/jshash/PRNGs.md */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Box and Muller. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
