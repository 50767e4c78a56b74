/** A task as an annotation tool gets it. */
export interface OutgoingTask {
  readonly promptKey: string;
  readonly prompt: string;
  readonly criterion: string;
  /** The images in the order in which they are shown. */
  readonly images: readonly { readonly imageId: string; readonly uri: string }[];
}

export interface TaskFileOptions {
  readonly task: "pair" | "best" | "rank";
  /** The most images of a task; settings that list them list so many. */
  readonly imagesMax: number;
}

/** Tasks as one tool reads them. One file each, one line in the registry. */
export interface TaskFormat {
  readonly name: string;
  /** The file's ending. */
  readonly extension: "json" | "jsonl";
  /** One object a task; the caller writes them as an array or as lines. Nothing in it names a model or a seed. */
  objectOf(task: OutgoingTask, options: Pick<TaskFileOptions, "task">): object;
  /** A settings file that the tool needs beside the tasks: the ending of its name, and its content. Null if the tool needs none. */
  settings(options: TaskFileOptions): { readonly ending: string; readonly content: string } | null;
}
