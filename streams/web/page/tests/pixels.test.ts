import { expect, test } from "vitest";
import { pixelOf, ramp, rgb } from "../src/wall/palette";
import { readPicture } from "../src/wall/picture";
import { paintColours, paintSilhouette } from "../src/wall/pixels";
import { packPicture } from "./sample";

const waiting = ramp([0, 0, 0], [30, 0, 0]);
const atWork = ramp([0, 0, 0], [0, 30, 0]);
const pixel = { ghost: 1, stone: 2, ice: 3, work: 4 };
const red = (pixel: number) => pixel & 255;
const green = (pixel: number) => (pixel >> 8) & 255;

test("a section is coloured by its height while it waits and is built, and is ice when finished", () => {
  const picture = readPicture(packPicture({ 1: [{ height: 28, firstDay: 2 }] }));
  const on = (day: number) => {
    const pixels = new Uint32Array(1);
    paintColours(pixels, picture, { waiting, atWork, pixel }, day, 0);
    return pixels[0] as number;
  };
  expect(red(on(1))).toBe(28);
  expect(green(on(2))).toBe(29);
  expect(green(on(3))).toBe(30);
  expect(on(4)).toBe(pixel.ice);
});

test("a silhouette shows stone, ice, the foot of the day, and what is still to build", () => {
  const picture = readPicture(packPicture({ 1: [{ height: 10, firstDay: 1 }] }));
  const pixels = new Uint32Array(33);
  paintSilhouette(pixels, 1, 1, picture, { pixel }, 5, 0);
  const count = (colour: number) => pixels.filter((one) => one === colour).length;
  expect([count(2), count(3), count(4), count(1)]).toEqual([10, 4, 1, 15]);
});

test("colours are read as browsers write them", () => {
  expect(rgb("rgb(1, 2, 3)")).toEqual([1, 2, 3]);
  expect(pixelOf([1, 2, 3])).toBe(0xff030201);
});
