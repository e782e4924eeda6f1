import { expect, test } from "vitest";
import { ago, amount, count, percent, short } from "../src/format";

test("amounts are written as the exercise writes them", () => {
  expect(amount(32_233_500)).toBe("32,233,500");
  expect(short(32_233_500)).toBe("32.2M");
});

test("one is no plural", () => {
  expect([count(1, "section"), count(0, "section"), count(1200, "crew")]).toEqual([
    "1 section",
    "0 sections",
    "1,200 crews",
  ]);
});

test("how long ago is said as precisely as matters", () => {
  expect([200, 12_300, 180_000, 7_200_000, 400_000_000].map(ago)).toEqual([
    "0.2 s",
    "12 s",
    "3 min",
    "2 h",
    "5 days",
  ]);
});

test("100% is said only of all", () => {
  expect([percent(0, 5), percent(999, 1000), percent(5, 5), percent(0, 0)]).toEqual([
    "0%",
    "99%",
    "100%",
    "100%",
  ]);
});
