/** The build with another number of crews, beside the one that is. */

import { effect, signal } from "@preact/signals";
import { get, type Schemas } from "../api/client";
import { timelineOf, wall, wallId } from "../data";
import { Loadable } from "../load";
import { place } from "../place";
import type { Timeline } from "../timeline";

export const ghost = new Loadable<Timeline>();

/** Keep the ghost beside the wall that is shown. */
export function followGhost(): void {
  effect(() => {
    const { crews } = place.value;
    const id = wallId.value;
    void wall.value?.version;
    if (crews === null || !id) ghost.clear();
    else ghost.load((signal) => timelineOf(id, crews, signal));
  });
}

export interface Found {
  /** Fewest crews that are done by the day; null if no number of crews is. */
  crews: number | null;
  days: number;
}

export const search = new Loadable<Found>();
/** How many numbers of crews the search has tried so far. */
export const tried = signal(0);

/** Find the fewest crews that are done by a day: more crews never take longer. */
export function findFewest(byDay: number, sections: number): Promise<void> {
  const id = wallId.peek();
  tried.value = 0;
  return search.load(async (signal) => {
    const daysOf = async (crews: number): Promise<number> => {
      const query = { wall: id, crews: String(crews), by_day: byDay };
      const answer: Schemas["Comparison"] = await get("/api/compare", { query }, signal);
      tried.value++;
      return answer.days;
    };
    return bisect(daysOf, byDay, sections);
  });
}

/** The fewest of 1 to `most` crews that take no more than so many days. */
export async function bisect(
  daysOf: (crews: number) => Promise<number>,
  byDay: number,
  most: number,
): Promise<Found> {
  let high = Math.max(1, most);
  let days = await daysOf(high);
  if (days > byDay) return { crews: null, days };
  let low = 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    const taken = await daysOf(middle);
    if (taken <= byDay) {
      high = middle;
      days = taken;
    } else low = middle + 1;
  }
  return { crews: high, days };
}
