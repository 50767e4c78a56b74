import { useEffect, useState } from "preact/hooks";
import type { Task } from "../../../api.ts";

/** The task_ids whose images are all loaded and decoded, and what tells of one more. Of tasks that are gone nothing is remembered. */
export function useReady(tasks: readonly Task[]): readonly [ReadonlySet<string>, (taskId: string) => void] {
  const [ready, setReady] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => {
    const here = new Set(tasks.map(({ task_id }) => task_id));
    setReady((known) => ([...known].every((id) => here.has(id)) ? known : new Set([...known].filter((id) => here.has(id)))));
  }, [tasks]);
  return [ready, (taskId) => setReady((known) => new Set([...known, taskId]))];
}
