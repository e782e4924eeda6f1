import { expect, test } from "vitest";
import { plotDays, Timeline } from "../src/timeline";

const run = (first_day: number, last_day: number, sections_at_work: number) => ({
  first_day,
  last_day,
  sections_at_work,
  ice: 195 * sections_at_work,
  cost: 370_500 * sections_at_work,
});

/** Profile 1 of the exercise: 3 sections for 2 days, 2 for 3, 1 for 4. */
const FIRST = new Timeline([run(1, 2, 3), run(3, 5, 2), run(6, 9, 1)]);

test("profile 1 uses 585 yd³ on day 1 and 390 on day 3", () => {
  expect(FIRST.on(1)).toMatchObject({ ice: 585, costSoFar: 1_111_500, atWork: 3 });
  expect(FIRST.on(3).ice).toBe(390);
});

test("before day 1 and after the last nothing is used, and what was used stays", () => {
  expect(FIRST.on(0)).toEqual({ atWork: 0, ice: 0, cost: 0, iceSoFar: 0, costSoFar: 0 });
  expect(FIRST.on(9).iceSoFar).toBe(195 * (6 + 6 + 4));
  expect(FIRST.on(12)).toMatchObject({ ice: 0, iceSoFar: 195 * 16 });
});

test("days between two runs have no work", () => {
  const broken = new Timeline([run(1, 2, 1), run(5, 6, 1)]);
  expect(broken.on(3)).toMatchObject({ atWork: 0, iceSoFar: 390 });
  expect(broken.on(5).iceSoFar).toBe(585);
});

test("a timeline without runs is a wall without work", () => {
  expect(new Timeline([]).on(1).costSoFar).toBe(0);
});

test("a plot has a point wherever a line bends", () => {
  expect(plotDays([FIRST])).toEqual([0, 2, 5, 9]);
});

test("a plot of very many runs is thinned out, its ends kept", () => {
  const many = new Timeline(Array.from({ length: 20_000 }, (_, at) => run(at + 1, at + 1, 1)));
  const days = plotDays([many], 1000);
  expect(days.length).toBe(1000);
  expect([days[0], days.at(-1)]).toEqual([0, 20_000]);
});
