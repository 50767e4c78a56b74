import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** Sizes of the files, evenly between the two. */
export interface ImageSizes {
  readonly fromBytes: number;
  readonly toBytes: number;
}

export interface ImageServer extends AsyncDisposable {
  /** A ComfyUI server, as far as harvest needs one: it has the image of whatever job it is asked for. */
  readonly url: string;
  /** The same files in one folder, for whoever reads a page with links; names are of `list()`. */
  readonly filesUrl: string;
  list(jobs: readonly string[]): Promise<void>;
}

/** Name of a job's file. */
export function imageName(job: string): string {
  return `${job}_00001_.png`;
}

/** Starts it in a process of its own. */
export async function startImageServer(sizes: ImageSizes): Promise<ImageServer> {
  const child = fork(join(import.meta.dirname, "image-process.ts"), [JSON.stringify(sizes)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const [url] = (await once(child, "message")) as [string]; // Its first word.
  return {
    url,
    filesUrl: `${url}/files/`,
    async list(jobs) {
      const done = once(child, "message");
      child.send(jobs);
      await done;
    },
    async [Symbol.asyncDispose]() {
      const gone = once(child, "exit");
      child.disconnect();
      await gone;
    },
  };
}
