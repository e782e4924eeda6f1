/** The build with another number of crews, beside the one that is. */

import { computed, effect } from "@preact/signals";
import { getLines, Problem, type Schemas } from "../api/client";
import { timelineOf, wall, wallId } from "../data";
import { Loadable } from "../load";
import { place } from "../place";
import type { Timeline } from "../timeline";

export const ghost = new Loadable<Timeline>();

// Apart from what else changes: the same question is not asked twice.
const chosen = computed(() => place.value.crews);
const version = computed(() => wall.value?.version);

/** Keep the ghost beside the plan that is shown, and forget what was found for another one. */
export function followGhost(): void {
  effect(() => {
    void [wallId.value, version.value];
    search.clear();
  });
  effect(() => {
    const crews = chosen.value;
    const id = wallId.value;
    if (version.value === undefined) return;
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
