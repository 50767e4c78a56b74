import { describe, expect, it } from "vitest";
import { loadMore, problemsOf } from "../config-text.ts";

const judges = (...entries: readonly string[]): string => `annotate: { judges: [${entries.join(", ")}] }`;
const QUALITY = "{ name: quality, kind: builtin }";
const PICK = '{ name: pick, kind: http, url: "http://h/score" }';
const vlm = (more = "", name = "vlm"): string => `{ name: ${name}, kind: openai, url: "http://h/v1", model: m, mode: pairwise${more} }`;

describe("a pairwise judge", () => {
  it("goes by the first judge of preference, else by a technical one", () => {
    const byOf = (...entries: readonly string[]) => loadMore(judges(...entries)).annotate.judges.find(({ name }) => name === "vlm");
    expect(byOf(QUALITY, PICK, vlm())).toMatchObject({ pairs: "top-bottom", by: "pick" });
    expect(byOf(vlm(), QUALITY)).toMatchObject({ by: "quality" });
    expect(byOf(vlm(", by: quality"), PICK, QUALITY)).toMatchObject({ by: "quality" });
    expect(byOf(vlm(", pairs: all", "other"), vlm())).toMatchObject({ by: "other" });
    expect(byOf(vlm(", pairs: all"))).toMatchObject({ by: undefined });
  });

  it.each([
    [judges(vlm()), "annotate.judges[0] compares the images that another judge scores best and worst, and there is no other judge"],
    [
      judges(vlm(), vlm("", "two")),
      "annotate.judges[1] compares the images that another judge scores best and worst, and there is no other judge",
    ],
    [judges(PICK, vlm(", by: pikc")), 'annotate.judges[1].by is "pikc", which is no judge (did you mean "pick"?)'],
    [judges(PICK, vlm(", by: vlm")), 'annotate.judges[1].by is "vlm", which is this judge: name another one'],
    [judges(PICK, vlm(), vlm(", by: vlm", "two")), 'annotate.judges[2].by is "vlm", which has a `by` itself: name a judge that has none'],
    [judges(PICK, vlm(", pairs: all, by: pick")), "annotate.judges[1].by has an effect only with mode: pairwise and pairs: top-bottom"],
    [
      judges('{ name: v, kind: openai, url: "http://h/v1/chat/completions", model: m }'),
      "annotate.judges[0].url ends with /chat/completions, which is added to it: give http://h/v1",
    ],
    [judges('{ name: p, kind: http, url: "http://h/score", headers: { content-type: x } }'), "is set by the connection itself"],
    [judges('{ name: p, kind: http, url: "http://user:pw@h/score" }'), "holds a user name or password"],
  ])("%s", (more, expected) => {
    expect(problemsOf(more)).toContainEqual(expect.stringContaining(expected));
  });
});

describe("a builtin judge", () => {
  it.each(["pickscore", "PickScore", "HPSv2", "hps-v2", "ImageReward", "image_reward"])("cannot be called %s", (name) => {
    expect(problemsOf(judges(PICK, `{ name: ${name}, kind: builtin }`))).toEqual([
      expect.stringContaining(`annotate.judges[1].name is "${name}", a learned scorer, and kind builtin measures sharpness`),
    ]);
  });

  it("can have any other name, and a judge of another kind that one", () => {
    const text = judges("{ name: pickscore-sharpness, kind: builtin }", '{ name: PickScore, kind: http, url: "http://h/score" }');
    expect(loadMore(text).annotate.judges.map(({ name }) => name)).toEqual(["pickscore-sharpness", "PickScore"]);
  });
});

it("keeps headers of judges out of what is remembered", () => {
  const config = loadMore(judges('{ name: p, kind: http, url: "http://h/score", headers: { authorization: "Bearer s3cret-key" } }'));
  expect(JSON.stringify(config.written)).not.toContain("s3cret");
});
