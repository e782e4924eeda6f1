import { expect, test } from "vitest";
import { topologyOf } from "../src/panels/topology";

const stage = (stage: string, reads: string[], writes: string[]) => ({
  stage,
  reads,
  writes,
  about: "",
  changelog: "",
});

const STAGES = [
  stage("submissions", ["w.submissions"], ["w.walls", "w.profiles"]),
  stage("intake", ["w.walls", "w.profiles", "w.clock"], ["w.accepted"]),
  stage("planner", ["w.accepted"], ["w.commands", "w.progress"]),
  stage("crews", ["w.commands"], ["w.events", "w.progress"]),
  stage("ledger", ["w.progress"], ["w.daily", "w.events", "w.overview", "w.totals"]),
  stage("overview", ["w.totals"], ["w.overview"]),
];

test("an event goes from left to right, and never back", () => {
  const { arrows } = topologyOf(STAGES);
  expect(arrows.length).toBe(20);
  for (const { from, to } of arrows) expect(to.x).toBeGreaterThan(from.x);
});

test("a topic that nobody writes stands right before who reads it, and not before others", () => {
  const { nodes } = topologyOf(STAGES);
  const x = (name: string) => nodes.find((node) => node.name === name)?.x;
  expect(x("w.clock")).toBe(x("w.walls"));
});

test("a topic and a stage of one name are two", () => {
  const { nodes } = topologyOf([stage("overview", ["overview"], ["daily"])]);
  expect(nodes.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual([
    "stage overview",
    "topic daily",
    "topic overview",
  ]);
});

test("all are within the picture, however many stand above each other", () => {
  for (const topics of [["a"], ["a", "b"], ["a", "b", "c"], ["a", "b", "c", "d"]]) {
    const { nodes, height } = topologyOf([stage("one", topics, ["out"])]);
    for (const { y } of nodes) {
      expect(y).toBeGreaterThan(0);
      expect(y).toBeLessThan(height);
    }
  }
});

test("no two stand on one place", () => {
  const { nodes } = topologyOf(STAGES);
  expect(new Set(nodes.map(({ x, y }) => `${x} ${y}`)).size).toBe(nodes.length);
});

test("an arrow that passes others goes around them", () => {
  const { nodes, arrows } = topologyOf(STAGES);
  for (const { from, to, detour } of arrows) {
    const between = nodes.filter(({ x }) => x > from.x && x < to.x);
    if (between.length > 0) expect(between.map(({ y }) => y)).not.toContain(detour);
  }
});
