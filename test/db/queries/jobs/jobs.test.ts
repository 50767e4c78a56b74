import { expect, it } from "vitest";
import { jobQueries, type SubmittedJob } from "../../../../src/db/queries/jobs/jobs.ts";
import { openTestDataset } from "../../../helpers/annotated-dataset.ts";

it("what a superseded attempt says changes nothing of the one that runs", async () => {
  await using dataset = await openTestDataset();
  const { client } = dataset.db;
  dataset.addJob("job", { promptKey: "p_1", state: "planned" });
  const jobs = jobQueries(dataset.db);
  const attempt = (number: number): Pick<SubmittedJob, "job" | "promptId"> => {
    const promptId = `prompt-${number}`;
    expect(jobs.markSubmitted("job", { attempt: number, promptId, server: `http://s${number}`, nowMs: 1 })).toBe(true);
    return { job: "job", promptId };
  };
  const first = attempt(1);
  expect(jobs.planAgain(first)).toBe(true);
  const second = attempt(2);
  expect(jobs.planAgain(first)).toBe(false);
  expect(jobs.fail(first, "validation", { detail: "late", nowMs: 2 })).toBe(false);
  expect(client.prepare("select state, prompt_id, failures from jobs").raw().get()).toEqual(["submitted", "prompt-2", 0]);
  expect(jobs.fail(second, "validation", { detail: "its own", nowMs: 2 })).toBe(true);
  expect(client.prepare("select state, failures from jobs").raw().get()).toEqual(["failed", 1]);
});
