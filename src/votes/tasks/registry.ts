import { argillaTasks } from "./argilla.ts";
import { jsonlTasks } from "./jsonl.ts";
import { labelStudioTasks } from "./label-studio.ts";
import type { TaskFormat } from "./task-format.ts";

/** Formats of tasks. A new one is a file beside this and a line here. */
export const TASK_FORMATS: readonly TaskFormat[] = [jsonlTasks, labelStudioTasks, argillaTasks];
