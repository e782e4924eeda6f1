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
  stage("intake", ["w.walls", "w.profiles"], ["w.accepted"]),
  stage("planner", ["w.accepted"], ["w.commands", "w.progress"]),
  stage("crews", ["w.commands"], ["w.events", "w.progress"]),
  stage("ledger", ["w.progress"], ["w.daily", "w.events", "w.overview", "w.totals"]),
  stage("overview", ["w.totals"], ["w.overview"]),
];

test("an event goes from left to right, and never back", () => {
  const { arrows } = topologyOf(STAGES);
  expect(arrows.length).toBe(16);
  for (const { from, to } of arrows) expect(to.x).toBeGreaterThan(from.x);
});

test("a topic and a stage of one name are two", () => {
  const { nodes } = topologyOf([stage("overview", ["overview"], ["daily"])]);
  expect(nodes.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual([
    "stage overview",
    "topic daily",
    "topic overview",
  ]);
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
