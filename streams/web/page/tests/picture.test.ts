import { expect, test } from "vitest";
import {
  heightOn,
  isAtWork,
  profileOf,
  progressOfAll,
  progressOn,
  readPicture,
  tasksOf,
} from "../src/wall/picture";
import { EXERCISE, packPicture } from "./sample";

test("a packed picture is read as it was packed", () => {
  const picture = readPicture(EXERCISE);
  expect(picture.version).toBe(7);
  expect(picture.profiles.map(({ number, sections }) => [number, sections])).toEqual([
    [1, 3],
    [2, 1],
    [3, 5],
  ]);
  expect([...picture.height]).toEqual([21, 25, 28, 17, 17, 22, 17, 19, 17]);
  expect(picture.longest).toBe(5);
});

test("the exercise's wall takes 13 days", () => {
  expect(readPicture(EXERCISE).days).toBe(13);
});

test("a wall that was finished before takes no day", () => {
  const picture = readPicture(packPicture({ 1: [{ height: 30, firstDay: 0 }] }));
  expect(picture.days).toBe(0);
  expect(progressOn(picture, 0, 0, 1)).toMatchObject({ finished: 1, atWork: 0, toBuild: 0 });
});

test("a wall without profiles is read as well", () => {
  expect(readPicture(packPicture({}))).toMatchObject({ sections: 0, days: 0, longest: 0 });
});

test("a section grows a foot a day from its first day to 30 ft", () => {
  const picture = readPicture(packPicture({ 1: [{ height: 27, firstDay: 4 }] }));
  expect([0, 3, 4, 5, 6, 7].map((day) => heightOn(picture, 0, day))).toEqual([
    27, 27, 28, 29, 30, 30,
  ]);
  expect([3, 4, 6, 7].map((day) => isAtWork(picture, 0, day))).toEqual([false, true, true, false]);
});

test("half a day is half a foot", () => {
  const picture = readPicture(packPicture({ 1: [{ height: 20, firstDay: 1 }] }));
  expect(heightOn(picture, 0, 2.5)).toBe(22.5);
});

test("on day 3 of the exercise's wall 8 sections are at work and 1 is finished", () => {
  const picture = readPicture(EXERCISE);
  expect(progressOn(picture, 3, 0, picture.sections)).toMatchObject({ atWork: 8, finished: 1 });
});

test("crews are named by the picture's rule, by their number, or in its list", () => {
  const own = readPicture(EXERCISE);
  expect([own.crewOf(0), own.crewOf(5)]).toEqual(["1.1", "3.2"]);
  const sections = [{ height: 3, crew: "12" }, { height: 30 }, { height: 4, crew: "1" }];
  for (const rule of ["number", "profile.section"] as const) {
    const pool = readPicture(packPicture({ 1: sections }, rule));
    expect([0, 1, 2].map((section) => pool.crewOf(section))).toEqual(["12", "", "1"]);
  }
  const whole = readPicture(packPicture({ 7: [{ height: 3 }, { height: 4 }] }, "profile"));
  expect(whole.crewOf(1)).toBe("7");
});

test("days beyond 16 bits are kept", () => {
  const picture = readPicture(packPicture({ 1: [{ height: 29, firstDay: 150_225 }] }));
  expect(picture.days).toBe(150_225);
});

test("each section belongs to the profile that it stands in", () => {
  const { profiles } = readPicture(EXERCISE);
  expect([0, 2, 3, 4, 8].map((section) => profileOf(profiles, section).number)).toEqual([
    1, 1, 2, 3, 3,
  ]);
});

test("the progress of a wall is that of its profiles, added up", () => {
  const picture = readPicture(EXERCISE);
  for (const day of [0, 1, 5, 13]) {
    const { wall, profiles } = progressOfAll(picture, day);
    expect(wall).toEqual(progressOn(picture, day, 0, picture.sections));
    expect(profiles.map(({ sections }) => sections)).toEqual([3, 1, 5]);
  }
});

test("a crew's sections are in the order in which it builds them", () => {
  const picture = readPicture(
    packPicture({
      1: [
        { height: 28, firstDay: 3, crew: "1" },
        { height: 28, firstDay: 1, crew: "1" },
      ],
    }),
  );
  expect(tasksOf(picture, ["1", "2"]).get("1")).toEqual([
    { section: 1, first: 1, last: 2 },
    { section: 0, first: 3, last: 4 },
  ]);
  expect(tasksOf(picture, ["2"]).get("2")).toEqual([]);
});
