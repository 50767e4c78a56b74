import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeOf } from "../../../src/comfy/graph/graph.ts";
import { extraDataOf, parseWorkflow, workflowText } from "../../../src/comfy/graph/workflow.ts";
import { isJsonObject, parseExact, stringifyExact } from "../../../src/lib/exact-json.ts";
import { stringifyPython } from "../../../src/lib/python-json.ts";
import { configErrorOf, readFixture } from "./workflow-fixtures.ts";

const parse = (text: string) => parseWorkflow(text, { file: "w.json" });
const NODE = '{"class_type":"KSampler","inputs":{"seed":18446744073709551615}}';

describe("parseWorkflow()", () => {
  test.each([
    "workflow_tiny",
    "workflow_tiny_batch3",
    "workflow_checkpoint_sd15",
    "workflow_load_image",
    "workflow_one_bad_output_of_two",
    "workflow_progress_and_binary_preview",
    "workflow_runtime_error",
    "workflow_save_and_preview",
    "workflow_slow_interruptible",
  ])("reads the recorded %s unchanged", (name) => {
    const text = readFixture(`${name}.json`);
    const { graph, wrapper } = parse(text);
    expect(graph).toEqual(parseExact(text));
    expect(wrapper).toEqual({});
  });

  test("a wrapped file loses client_id and keeps everything else", () => {
    const { graph, wrapper } = parse(
      `{"client_id":"abc","prompt":{"3":${NODE}},"extra_data":{"extra_pnginfo":{"seed":9223372036854775809}},"extra":{},"version":0.4,
        "last_node_id":9,"save_workflow":true,"something_new":[1,null]}`,
    );
    expect(graph).toEqual({ "3": { class_type: "KSampler", inputs: { seed: 18446744073709551615n } } });
    expect(wrapper).toEqual({
      extra_data: { extra_pnginfo: { seed: 9223372036854775809n } },
      extra: {},
      version: 0.4,
      last_node_id: 9,
      save_workflow: true,
      something_new: [1, null],
    });
    expect(extraDataOf(wrapper)).toEqual({ extra_pnginfo: { seed: 9223372036854775809n } });
    expect(extraDataOf({})).toEqual({});
  });

  test("a bare graph may have a node called prompt", () => {
    const { graph, wrapper } = parse(`{"prompt":${NODE},"2":${NODE}}`);
    expect(Object.keys(graph).toSorted()).toEqual(["2", "prompt"]);
    expect(wrapper).toEqual({});
  });

  test("keeps what it does not know in a node, and takes a node without inputs", () => {
    const { graph } = parse('{"1":{"class_type":"A","colour":["x"],"_meta":{"title":"T"}}}');
    expect(graph).toEqual({ "1": { class_type: "A", inputs: {}, colour: ["x"], _meta: { title: "T" } } });
  });

  test("reads what Python wrote, and leaves out what the run said of its nodes: sent again, it would keep ComfyUI from asking them", () => {
    const { graph } = parse('{"1":{"class_type":"A","inputs":{"top":Infinity},"is_changed":[NaN]}}');
    expect(graph).toEqual({ "1": { class_type: "A", inputs: { top: Infinity } } });
    expect(stringifyPython(graph)).toBe('{"1":{"class_type":"A","inputs":{"top":Infinity}}}');
  });

  test("a byte order mark is passed over", () => {
    expect(Object.keys(parse(`\uFEFF{"1":${NODE}}`).graph)).toEqual(["1"]);
  });

  test("keys that every object inherits are plain data", () => {
    const { graph } = parse(`{"__proto__":${NODE},"1":{"class_type":"A","inputs":{"__proto__":5,"constructor":6}}}`);
    expect(Object.keys(graph)).toContain("__proto__");
    expect(nodeOf(graph, "__proto__")?.class_type).toBe("KSampler");
    expect(nodeOf(graph, "constructor")).toBeUndefined();
    expect(Object.entries(nodeOf(graph, "1")?.inputs ?? {})).toEqual([
      ["__proto__", 5],
      ["constructor", 6],
    ]);
    expect(({} as { class_type?: string }).class_type).toBeUndefined();
    expect(stringifyExact(graph)).toContain('"__proto__":{"class_type":"KSampler"');
  });

  test.each([
    ["the recorded UI format", "http"],
    [
      "nodes and links",
      '{"last_node_id":2,"last_link_id":1,"nodes":[{"id":1,"type":"KSampler"}],"links":[[1,1,0,2,0,"IMAGE"]],"version":0.4}',
    ],
    ["a UI workflow under prompt", '{"prompt":{"nodes":[],"links":[]}}'],
    ["a UI workflow under workflow", '{"workflow":{"nodes":[],"links":[]},"output":{}}'],
  ])("says how to export %s", (_name, text) => {
    const error = configErrorOf(() => parse(text === "http" ? recordedUiFormat() : text));
    expect(error).toContain("UI format");
    expect(error).toContain("Workflow → Export (API)");
    expect(error).toContain("Dev mode");
  });

  test.each([
    ['{"3":{"class_type":"A",\n  "inputs":{"seed":1,}}}', /w\.json.*line 2, column 22: expected key, found "}}}"/],
    ['{"3":{"class_type":"A"', /line 1, column 23: expected , or }, found the end of the file/],
    ['{"3":{"class_type":"A","inputs":{"a":NaN,}}}', /line 1, column 42: expected key/],
    ['{"3":{"class_type":"A","inputs":{"a":nan}}}', /line 1, column 38: expected value, found "nan/],
    ["[".repeat(50_000) + "]".repeat(50_000), /nested more than 1000 levels deep/],
    [`{"3":{"class_type":"A","inputs":{"a":${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}}}}`, /nested more than 1000 levels deep/],
    ["", /it is empty/],
    [" \n", /it is empty/],
    ["[]", /it holds a list/],
    ["null", /it holds nothing/],
    ['"text"', /it holds a text/],
    ["{}", /no nodes/],
    ['{"prompt":{}}', /no nodes/],
    ['{"prompt":[1,"id",{}]}', /"prompt" is a list/],
    ['{"prompt":{"1":{"class_type":"A"}},"extra_data":[]}', /"extra_data" is a list/],
    ['{"3":5}', /node 3 is a number/],
    ['{"3":{"inputs":{}}}', /node 3 has no class_type/],
    ['{"3":{"class_type":""}}', /node 3 has no class_type/],
    ['{"12:7":{"class_type":"A","inputs":[]}}', /inputs of node 12:7 \(A\) are a list/],
  ])("refuses %j", (text, message) => {
    expect(configErrorOf(() => parse(text))).toMatch(message);
  });

  test("refuses a file nested beyond the stack instead of crashing", () => {
    expect(configErrorOf(() => parse(`{"1":{"class_type":"A","inputs":{"x":${"[".repeat(200_000)}`))).toMatch(/w\.json/);
  });

  test.each([
    ["UTF-16", Buffer.from("\ufeff{}", "utf16le")],
    ["UTF-16LE", Buffer.from('{"1": {"class_type": "A"}}', "utf16le")],
    ["no UTF-8 text", Buffer.from('{"caf\xe9": 1}', "latin1")],
  ])("a file that is %s is refused as such", (what, bytes) => {
    expect(configErrorOf(() => workflowText(bytes, { file: "w.json" }))).toMatch(new RegExp(`w\\.json: it is (?:not UTF-8 text|${what})`));
  });

  test("parse and stringify keep every integer", () => {
    const integer = fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n });
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.array(integer), { minKeys: 1 }), (inputs) => {
        const text = JSON.stringify({ "1": { class_type: "A", inputs } }, (_key, value: unknown) =>
          typeof value === "bigint" ? JSON.rawJSON(value.toString()) : value,
        );
        const { graph } = parse(text);
        expect(stringifyExact(graph)).toBe(text);
        for (const [name, values] of Object.entries(inputs)) expect(graph["1"]?.inputs[name]).toEqual(values.map(asParsed));
      }),
    );
  });
});

function asParsed(value: bigint): bigint | number {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function recordedUiFormat(): string {
  const exchange = parseExact(readFixture("http/prompt_500_ui_format_workflow.json"));
  const request = isJsonObject(exchange) ? exchange["request"] : null;
  const body = isJsonObject(request) ? request["body"] : null;
  if (body === null || body === undefined) throw new Error("the fixture has no request body");
  return stringifyExact(body);
}
