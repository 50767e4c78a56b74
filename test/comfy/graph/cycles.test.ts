import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findCycles } from "../../../src/comfy/graph/cycles.ts";
import type { ApiGraph } from "../../../src/comfy/graph/graph.ts";
import { graphOf } from "./workflow-fixtures.ts";

/** A graph whose nodes are fed only by nodes of a lower number; `edges[i]` lists the sources of node i. */
const acyclic = fc
  .array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 25 })
  .map((edges) => edges.map((sources, node) => (node === 0 ? [] : sources.map((source) => source % node))));

/** Shuffled ids, so that the order of the keys tells nothing about the order of the nodes. */
function graphFrom(edges: readonly (readonly number[])[], salt: number): ApiGraph {
  const id = (node: number) => `n${(node * 7919 + salt) % 100_003}`;
  const nodes = edges.map((sources, node): [string, [string, Record<string, [string, number]>]] => [
    id(node),
    ["Any", Object.fromEntries(sources.map((source, input) => [`in${input}`, [id(source), 0]]))],
  ]);
  return graphOf(Object.fromEntries(nodes.toSorted(([a], [b]) => (a < b ? -1 : 1))));
}

describe("findCycles()", () => {
  test("a graph made without cycles never has one", () => {
    fc.assert(
      fc.property(acyclic, fc.nat(100_000), (edges, salt) => {
        expect(findCycles(graphFrom(edges, salt))).toEqual([]);
      }),
    );
  });

  test("one link back along a path always closes a cycle, and each cycle named is one", () => {
    fc.assert(
      fc.property(acyclic, fc.nat(), fc.nat(), fc.nat(100_000), (edges, from, steps, salt) => {
        // Walks down from a node, then feeds the end of the walk from its start.
        const start = from % edges.length;
        let end = start;
        for (let step = 0; step < steps % 5; step++) end = edges[end]?.[0] ?? end;
        const graph = graphFrom(
          edges.map((sources, node) => (node === end ? [...sources, start] : sources)),
          salt,
        );
        const cycles = findCycles(graph);
        expect(cycles.length).toBeGreaterThan(0);
        for (const cycle of cycles) {
          for (const [index, nodeId] of cycle.entries()) {
            const next = cycle[(index + 1) % cycle.length] ?? "";
            expect(Object.values(graph[next]?.inputs ?? {})).toContainEqual([nodeId, 0]);
          }
        }
      }),
    );
  });

  test("a node fed by itself, and one fed by nothing that exists", () => {
    expect(findCycles(graphOf({ "1": ["A", { x: ["1", 0] }] }))).toEqual([["1"]]);
    expect(findCycles(graphOf({ "1": ["A", { x: ["2", 0] }] }))).toEqual([]);
  });

  test("a chain of 100,000 nodes does not overflow the stack", () => {
    const chain = (last: number): ApiGraph =>
      graphOf(
        Object.fromEntries(
          Array.from({ length: 100_000 }, (_, index) => [
            `n${index}`,
            ["A", index < 99_999 ? { x: [`n${index + 1}`, 0] } : { x: [`n${last}`, 0] }],
          ]),
        ),
      );
    expect(findCycles(chain(100_000))).toEqual([]);
    expect(findCycles(chain(0))[0]).toHaveLength(100_000);
  });
});
