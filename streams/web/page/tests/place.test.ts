import { expect, test } from "vitest";
import { readPlace, writePlace } from "../src/place";

test("what an address says is what is shown, and is written back", () => {
  const query = "?wall=north.wall&day=0&tab=events&profile=2&crew=2.5&show=explain&crews=4";
  expect(readPlace(query)).toEqual({
    wall: "north.wall",
    day: 0,
    tab: "events",
    profile: 2,
    crew: "2.5",
    show: "explain",
    crews: 4,
  });
  expect(writePlace(readPlace(query))).toBe(query);
});

test("an address without a query is the default wall on its last day", () => {
  expect(readPlace("")).toMatchObject({ wall: "", day: null, tab: "profiles" });
  expect(writePlace(readPlace(""))).toBe("");
});

test("what makes no sense in an address is left out", () => {
  const odd = "?day=-3&tab=%3Cscript%3E&profile=0&crews=1e3";
  expect(readPlace(odd)).toMatchObject({ day: null, tab: "profiles", profile: null, crews: null });
});
