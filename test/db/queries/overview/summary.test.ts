import { expect, it } from "vitest";
import { summarize } from "../../../../src/db/queries/overview/summary.ts";
import { imageId, openTestDataset } from "../../../helpers/annotated-dataset.ts";

it("every candidate is pending, stored, rejected or failed, whatever became of its several images", async () => {
  await using dataset = await openTestDataset();
  const add = (name: string, ...states: readonly ("stored" | "listed" | "rejected" | "excluded")[]): void => {
    const [first, ...others] = states.map((state, index) => {
      dataset.addImage(imageId(`${name}${index}`), { promptKey: "p_1", state });
      return imageId(`${name}${index}`);
    });
    for (const id of others) dataset.db.client.prepare("update images set job = ? where image_id = ?").run(`job-${first}`, id);
    for (const id of others) dataset.db.client.prepare("delete from jobs where job = ?").run(`job-${id}`);
  };
  add("a", "stored", "stored");
  add("b", "stored", "excluded");
  add("c", "excluded");
  add("d", "listed", "stored");
  add("e", "rejected", "listed", "stored");
  add("f", "rejected", "rejected");
  add("g", "rejected");
  add("aside", "stored", "rejected");
  dataset.db.client.prepare("update jobs set inactive = 1 where job = ?").run(`job-${imageId("aside0")}`);
  dataset.db.client.prepare("update jobs set state = 'planned' where job = ?").run(`job-${imageId("g0")}`); // To be made again.
  dataset.addJob("planned", { promptKey: "p_1", state: "planned" });
  dataset.addJob("submitted", { promptKey: "p_1", state: "submitted" });
  dataset.addJob("failed", { promptKey: "p_1", state: "failed" });
  dataset.addJob("nothing", { promptKey: "p_1", state: "done" });
  expect(summarize(dataset.db)).toEqual({ planned: 11, pending: 4, stored: 4, rejected: 2, failed: 1, images: 6 });
});
