/** The build with another number of crews, beside the one that is. */

import { effect } from "@preact/signals";
import { getLines, Problem, type Schemas } from "../api/client";
import { timelineOf, wall, wallId } from "../data";
import { Loadable } from "../load";
import { place } from "../place";
import type { Timeline } from "../timeline";

export const ghost = new Loadable<Timeline>();

/** Keep the ghost beside the wall that is shown; what was found is of another wall, or a plan before. */
export function followGhost(): void {
  effect(() => {
    const { crews } = place.value;
    const id = wallId.value;
    void wall.value?.version;
    search.clear();
    if (crews === null || !id) ghost.clear();
    else ghost.load((signal) => timelineOf(id, crews, signal));
  });
}

export const search = new Loadable<Schemas["Comparison"]>();

/** Find the fewest crews that are done by a day. */
export function findFewest(byDay: number): Promise<void> {
  const query = { wall: wallId.peek(), by_day: byDay };
  return search.load(async (signal) => {
    for await (const found of getLines("/api/compare", { query }, signal)) return found;
    throw new Problem(0, "The answer was empty");
  });
}
