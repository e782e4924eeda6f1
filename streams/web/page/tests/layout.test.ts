import { expect, test } from "vitest";
import { BRICKS_FROM_PX, cellPx, skyline, WHOLE, zoomed } from "../src/wall/layout";
import { readPicture } from "../src/wall/picture";
import { sceneOf } from "../src/wall/scene";
import { EXERCISE, packPicture } from "./sample";

const sections = (number: number) => Array.from({ length: number }, () => ({ height: 3 }));
const SIZE = { width: 1000, height: 400 };

test("a small wall stands on one line, profile beside profile", () => {
  const laid = skyline(readPicture(EXERCISE), 1000, 400);
  expect(new Set(laid?.stretches.map(({ y }) => y)).size).toBe(1);
  expect(laid?.sectionPx).toBeGreaterThan(30);
});

test("a wall of more profiles is broken into lines that fit the width", () => {
  const picture = readPicture(
    packPicture(Object.fromEntries([1, 2, 3, 4, 5, 6].map((n) => [n, sections(40)]))),
  );
  const laid = skyline(picture, 1000, 560);
  expect(laid).not.toBeNull();
  for (const { x, profile } of laid?.stretches ?? []) {
    expect(x + profile.sections * (laid?.sectionPx ?? 0)).toBeLessThanOrEqual(1000);
  }
});

test("sections narrower than 6 pixels make a map", () => {
  const picture = readPicture(packPicture({ 1: sections(2000), 2: sections(1500) }));
  expect(skyline(picture, 1000, 400)).toBeNull();
  expect(sceneOf(picture, WHOLE, SIZE)).toMatchObject({ isMap: true, runs: null });
});

test("a map that is looked into closely enough is bricks again", () => {
  const picture = readPicture(packPicture({ 1: sections(2000), 2: sections(1500) }));
  const view = zoomed(picture, WHOLE, 20, { x: 500, y: 100 }, SIZE);
  expect(cellPx(picture, view, SIZE).x).toBeGreaterThanOrEqual(BRICKS_FROM_PX);
  expect(sceneOf(picture, view, SIZE).runs?.length).toBeGreaterThan(0);
});

test("zooming leaves the pointed section where it is", () => {
  const picture = readPicture(packPicture({ 1: sections(2000), 2: sections(2000) }));
  const at = { x: 700, y: 300 };
  const before = sceneOf(picture, WHOLE, SIZE).sectionAt(at.x, at.y);
  const view = zoomed(picture, WHOLE, 4, at, SIZE);
  expect(sceneOf(picture, view, SIZE).sectionAt(at.x, at.y)).toBe(before);
});

test("one can't zoom out of the wall", () => {
  const picture = readPicture(packPicture({ 1: sections(2000) }));
  expect(zoomed(picture, WHOLE, 0.1, { x: 10, y: 10 }, SIZE)).toEqual(WHOLE);
});

test("every section of a skyline is found where it is drawn", () => {
  const picture = readPicture(EXERCISE);
  const scene = sceneOf(picture, WHOLE, SIZE);
  for (const profile of picture.profiles) {
    for (let section = 0; section < profile.sections; section++) {
      const box = scene.boxOf(profile, section);
      const found = box && scene.sectionAt(box.x + box.width / 2, box.y + box.height / 2);
      expect(found).toBe(profile.start + section);
    }
  }
});
