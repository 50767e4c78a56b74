import { join } from "node:path";
import { openDatabase } from "../../../src/db/open.ts";
import { SEAWEED_CREDENTIALS, startSeaweed } from "../../helpers/seaweed.ts";
import { benchProject, type BenchProject } from "../bench-project.ts";
import type { BenchOptions, Scenario } from "../benchmark.ts";
import { startBenchEmulators } from "../emulators.ts";
import { figuresOf } from "../figures.ts";
import { measuredProcess } from "../measured-process.ts";
import { auditStore, type Audit } from "./audit-store.ts";
import { startFaultyStore } from "../../helpers/stand-ins/faulty-store.ts";
import { socketsOf } from "./sockets-of.ts";

const IMAGES = 10_000;
const SERVERS = 4;
/** 14 % of the files, once each; a stall holds a transfer for its whole timeout, so that there are fewer of those. */
const SOURCE_FAULTS =
  "view-cut:0.025,view-short:0.025,view-stall:0.005,view-flip:0.025,view-swap:0.02,view-html:0.02,view-404:0.01,http-503:0.01";
/** 6 % of the PUTs. */
const STORE_FAULTS = { slowDown: 0.028, reset: 0.028, stall: 0.004 };
const CONCURRENCY = 16;
/** What its pools may hold: for each server one a transfer and one for the history; for the store one a transfer, twice; and a few. */
const SOCKETS_MAX = SERVERS * (CONCURRENCY + 1) + 2 * CONCURRENCY + 8;
const SAMPLE_MS = 500;
/** Longest without any image stored: a stalled store is given up after 60 s plus the image's own time, and tried again. */
const HUNG_MS = 150_000;
const ROUNDS_MAX = 12;

interface Run extends Audit {
  readonly faults: number;
  readonly hung: number;
  readonly socketsMax: number;
  readonly socketsAtEnd: number;
  readonly missing: number;
  readonly harvestMs: number;
}

/** Generates and harvests by turns until nothing is left: a lost file is made again. */
export const marathonScenario: Scenario = {
  name: "marathon",
  summary: "10,000 transfers, 20 % of them with a fault of a server or of the store: what arrives",
  async run(options) {
    Object.assign(process.env, SEAWEED_CREDENTIALS);
    const runs: Run[] = [];
    for (let index = 0; index < options.runs; index++) runs.push(await runOnce(options));
    const figure = figuresOf("marathon", runs);
    const none = { atMost: 0 };
    return [
      figure("objects that are not the server's file", "", { of: ({ bad }) => bad, target: none }),
      figure("objects that no image is of", "", { of: ({ strange }) => strange, target: none }),
      figure("images not stored", "", { of: ({ missing }) => missing, target: none }),
      figure("hung transfers", "", { of: ({ hung }) => hung, target: none }),
      figure("sockets, the most at any time", "", { of: ({ socketsMax }) => socketsMax, target: { atMost: SOCKETS_MAX } }),
      figure("sockets at the end", "", { of: ({ socketsAtEnd }) => socketsAtEnd, target: { atMost: SOCKETS_MAX } }),
      figure("faults of the store", "", { of: ({ faults }) => faults }),
      figure("objects checked", "", { of: ({ checked }) => checked }),
      figure("harvesting", "s", { of: ({ harvestMs }) => harvestMs / 1_000 }),
    ];
  },
};

async function runOnce(options: BenchOptions): Promise<Run> {
  const images = Math.max(40, Math.round(IMAGES * options.scale));
  const seaweed = await startSeaweed();
  try {
    await using emulators = await startBenchEmulators(
      Array.from({ length: SERVERS }, (_, seed) => ({ execMs: 0, faults: SOURCE_FAULTS, seed })),
    );
    await using proxy = await startFaultyStore({ endpoint: seaweed.endpoint, ...STORE_FAULTS });
    const uri = `s3://${seaweed.bucket}/marathon`;
    using project = benchProject({ jobs: images, urls: emulators.urls, store: { uri, endpoint: proxy.endpoint } });
    const rounds: Round[] = [];
    while (rounds.length < ROUNDS_MAX && (rounds.length === 0 || openWork(project) > 0)) {
      await measuredProcess(project.command("generate"), { timeoutMs: 1_800_000 });
      const round = await harvestRound(project);
      rounds.push(round);
      options.tell(
        `  round ${rounds.length}: exit ${round.exit}, ${round.stored} stored in ${(round.wallMs / 1_000).toFixed(0)} s, ${round.socketsMax} sockets`,
      );
    }
    const audit = await auditStore({ project, uri, endpoint: seaweed.endpoint, truth: await emulators.checksums() });
    options.tell(`  store faults ${JSON.stringify(proxy.faults())}; ${audit.checked} objects checked, ${audit.bad} bad`);
    if (audit.checked < images) options.tell(`  given up: ${givenUp(project)}`);
    return {
      ...audit,
      faults: Object.values(proxy.faults()).reduce((sum, count) => sum + count, 0),
      hung: rounds.reduce((sum, { hung }) => sum + hung, 0),
      socketsMax: Math.max(...rounds.map(({ socketsMax }) => socketsMax)),
      socketsAtEnd: Math.max(...rounds.map(({ socketsAtEnd }) => socketsAtEnd)),
      missing: images - audit.checked,
      harvestMs: rounds.reduce((sum, { wallMs }) => sum + wallMs, 0),
    };
  } finally {
    await seaweed.stop();
  }
}

interface Round {
  readonly exit: number | null;
  readonly stored: number;
  readonly wallMs: number;
  /** 1 where it had to be killed. */
  readonly hung: number;
  readonly socketsMax: number;
  readonly socketsAtEnd: number;
}

async function harvestRound(project: BenchProject): Promise<Round> {
  let [stored, socketsMax, socketsAtEnd, movedAtMs] = [0, 0, 0, Date.now()];
  let timer: NodeJS.Timeout | undefined;
  const { exit, wallMs } = await measuredProcess(project.command("harvest"), {
    timeoutMs: 3_600_000,
    onSpawn(child) {
      timer = setInterval(() => {
        const sockets = socketsOf(child.pid ?? 0);
        if (sockets > 0) socketsAtEnd = sockets;
        socketsMax = Math.max(socketsMax, socketsAtEnd);
        if (Date.now() - movedAtMs > HUNG_MS) child.kill("SIGKILL");
      }, SAMPLE_MS);
    },
    onLine(line) {
      if (!line.startsWith('{"event":"stored"')) return;
      stored++;
      movedAtMs = Date.now();
    },
  });
  clearInterval(timer);
  return { exit, stored, wallMs, hung: exit === null ? 1 : 0, socketsMax, socketsAtEnd };
}

/** Why what is missing is missing, for whoever looks into it. */
function givenUp(project: BenchProject): string {
  const db = openDatabase(join(project.dir, "runs/pipeline.db"));
  try {
    const sql = `select 'job' as what, reason, detail from jobs where state = 'failed' union all
      select 'image', reason, detail from images where state = 'rejected' limit 5`;
    return JSON.stringify(db.client.prepare(sql).all());
  } finally {
    db.close();
  }
}

/** Jobs and images that another round could finish. */
function openWork(project: BenchProject): number {
  const db = openDatabase(join(project.dir, "runs/pipeline.db"));
  try {
    const sql = `select (select count(*) from jobs where state in ('planned', 'submitted')) + (select count(*) from images where state = 'listed')`;
    return db.client.prepare<[], number>(sql).pluck().get() ?? 0;
  } finally {
    db.close();
  }
}
