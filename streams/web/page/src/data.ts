/** What the page knows: the walls, and everything about the one that is shown. */

import { computed, effect, signal } from "@preact/signals";
import { getBytes, getJson } from "./api/client";
import type { TimelineAnswer, Wall, WallSummary } from "./api/types";
import { Loadable } from "./load";
import { day, place } from "./place";
import { Timeline } from "./timeline";
import { type Picture, readPicture } from "./wall/picture";

export const walls = new Loadable<WallSummary[]>();
export const wall = new Loadable<Wall>();
export const picture = new Loadable<Picture>();
export const timeline = new Loadable<Timeline>();

const DEFAULT_WALL = "default";

/** The wall that is shown: the one in the address, else the default one, else the first there is. */
export const wallId = computed(() => {
  if (place.value.wall) return place.value.wall;
  const known = walls.value ?? [];
  return (known.find(({ wall }) => wall === DEFAULT_WALL) ?? known[0])?.wall ?? "";
});

/** Last day of the build; 0 if nothing is known or there is nothing to build. */
export const lastDay = computed(() =>
  Math.max(picture.value?.days ?? 0, timeline.value?.lastDay ?? 0),
);

/** The day that is shown. */
export const shownDay = computed(() => Math.min(day.value ?? lastDay.value, lastDay.value));

/** The day that the picture shows while it plays: with the part of a day that has passed. */
export const playhead = signal<number | null>(null);

export function wallPath(id = wallId.value): string {
  return `api/walls/${encodeURIComponent(id)}`;
}

export function loadWalls(): Promise<void> {
  return walls.load(async (signal) => {
    const known: WallSummary[] = [];
    let after: string | null = "";
    while (after !== null) {
      const page: { walls: WallSummary[]; next: string | null } = await getJson(
        `api/walls?limit=500&after=${encodeURIComponent(after)}`,
        signal,
      );
      known.push(...page.walls);
      after = page.next;
    }
    return known;
  });
}

/** Ask anew for all that may have changed about the wall that is shown. */
export function loadWall(): void {
  const path = wallPath();
  wall.load((signal) => getJson<Wall>(path, signal));
  picture.load(async (signal) => readPicture(await getBytes(`${path}/picture`, signal)));
  timeline.load(
    async (signal) =>
      new Timeline((await getJson<TimelineAnswer>(`${path}/timeline`, signal)).runs),
  );
}

/** Begin: whenever another wall is shown, what is known is that wall's. */
export function follow(): void {
  loadWalls();
  effect(() => {
    const id = wallId.value;
    for (const known of [wall, picture, timeline]) known.clear();
    if (id) loadWall();
  });
}
