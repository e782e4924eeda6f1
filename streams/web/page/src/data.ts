/** What the page knows: the walls, and everything about the one that is shown. */

import { computed, effect, signal } from "@preact/signals";
import { get, getBytes, Problem, type Schemas } from "./api/client";
import { Loadable } from "./load";
import { day, place } from "./place";
import { Timeline } from "./timeline";
import { type Picture, progressOfAll, readPicture } from "./wall/picture";

export const walls = new Loadable<Schemas["WallSummary"][]>();
export const wall = new Loadable<Schemas["WallDetail"]>();
export const picture = new Loadable<Picture>();
export const timeline = new Loadable<Timeline>();
export const clock = new Loadable<Schemas["ClockSummary"]>();

const DEFAULT_WALL = "default";

/** The wall that is shown: the one in the address, else the default one, else the first there is. */
export const wallId = computed(() => {
  if (place.value.wall) return place.value.wall;
  const known = walls.value ?? [];
  return (known.find(({ wall }) => wall === DEFAULT_WALL) ?? known[0])?.wall ?? "";
});

/** A wall that was submitted here and that no worker has taken up yet: there is nothing to ask. */
export const awaited = signal("");

/** Last day of the build; 0 if nothing is known or there is nothing to build. */
export const lastDay = computed(() =>
  Math.max(picture.value?.days ?? 0, timeline.value?.lastDay ?? 0),
);

/** The day by the wall's clock while a run is under way: as told last, or as it was paused. */
const clockDay = computed(() => {
  const known = clock.value;
  if (known?.state === "RUNNING") return known.told;
  return known?.state === "PAUSED" ? known.day : null;
});

/** The day that is shown. */
export const shownDay = computed(() =>
  Math.min(day.value ?? clockDay.value ?? lastDay.value, lastDay.value),
);

/** How far the wall and its profiles are on the day that is shown. */
export const progress = computed(() =>
  picture.value ? progressOfAll(picture.value, shownDay.value) : null,
);

/** The day that is shown, for what has more to draw than a frame has time for while one slides. */
export const restingDay = signal(0);
const RESTS_AFTER_MS = 100;

/** The day that the picture shows while it plays: with the part of a day that has passed. */
export const playhead = signal<number | null>(null);

export function loadWalls(): Promise<void> {
  return walls.load(async (signal) => {
    const known: Schemas["WallSummary"][] = [];
    let after: string | null = "";
    while (after !== null) {
      const page: Schemas["Walls"] = await get(
        "/api/walls",
        { query: { after, limit: 1000 } },
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
  const path = { wall: wallId.peek() };
  wall.load((signal) => get("/api/walls/{wall}", { path, query: { limit: 1000 } }, signal));
  loadClock();
  loadPicture();
  loadTimeline();
}

export function loadClock(): void {
  const path = { wall: wallId.peek() };
  clock.load((signal) => get("/api/walls/{wall}/clock", { path }, signal));
}

/** The wall that is shown is not there: whatever is asked about it would be answered so. */
export function loseWall(): void {
  const problem = new Problem(404, `there is no wall ${wallId.peek()}; submit one first`);
  for (const known of [wall, picture, timeline, clock]) known.lose(problem);
}

export function loadPicture(): void {
  const path = { wall: wallId.peek() };
  picture.load(async (signal) =>
    readPicture(await getBytes("/api/walls/{wall}/picture", { path }, signal)),
  );
}

export function loadTimeline(): void {
  const id = wallId.peek();
  timeline.load((signal) => timelineOf(id, null, signal));
}

/** What a wall uses day by day; as it is, or with another number of crews. */
export async function timelineOf(
  id: string,
  crews: number | null,
  signal: AbortSignal,
): Promise<Timeline> {
  const asked = { path: { wall: id }, query: { crews } };
  const answer = await get("/api/walls/{wall}/timeline", asked, signal);
  return new Timeline((answer as Schemas["Timeline"]).runs);
}

/** Begin: whenever another wall is shown, what was known of the one before is forgotten. */
export function follow(): void {
  loadWalls();
  let resting: number | undefined;
  effect(() => {
    void shownDay.value;
    resting ??= window.setTimeout(() => {
      resting = undefined;
      restingDay.value = shownDay.peek();
    }, RESTS_AFTER_MS);
  });
  effect(() => {
    void wallId.value;
    for (const known of [wall, picture, timeline, clock]) known.clear();
  });
}
