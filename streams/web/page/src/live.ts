/** What changes, as it changes: one stream of server-sent events, closed while the page is hidden. */

import { effect, signal } from "@preact/signals";
import type { Schemas } from "./api/client";
import { addressOf } from "./api/client";
import {
  awaited,
  loadPicture,
  loadTimeline,
  loadWall,
  loadWalls,
  loseWall,
  wall,
  wallId,
  walls,
} from "./data";
import { place } from "./place";
import { heardOfClock } from "./wall/clock";

export interface Age {
  /** When it was said, by this browser's clock, in milliseconds. */
  at: number;
  /** How old what is shown was then at most, in milliseconds. */
  ms: number;
}

/** How old what is shown is; null while there is no stream. */
export const age = signal<Age | null>(null);
export const pipeline = signal<Schemas["Pipeline"] | null>(null);

interface Told {
  hello: { now: number; version: number; resumed: boolean };
  rows: {
    wall: string;
    summary: Schemas["WallSummary"] | null;
    profiles: Schemas["ProfileSummary"][];
    withdrawn: number[];
    picture: string | null;
  };
  clock: Schemas["ClockSummary"];
  audit: { events: Schemas["AuditEvent"][]; skipped: number };
  deadletter: { dead_letters: Schemas["DeadLetterSummary"][]; skipped: number };
  pipeline: Schemas["Pipeline"];
  age: { now: number; age_s: number };
  reset: { reason: string };
}

type Listeners = { [Kind in keyof Told]: Set<(told: Told[Kind]) => void> };

const listeners: Listeners = {
  hello: new Set(),
  rows: new Set(),
  clock: new Set(),
  audit: new Set(),
  deadletter: new Set(),
  pipeline: new Set(),
  age: new Set(),
  reset: new Set(),
};

/** Listen to one kind of event. Returns how to stop. */
export function listen<Kind extends keyof Told>(
  kind: Kind,
  listener: (told: Told[Kind]) => void,
): () => void {
  listeners[kind].add(listener);
  return () => listeners[kind].delete(listener);
}

/**
 * Ask when a stream begins that does not go on where another ended: what was asked for before may
 * lack what has come since. Returns how to stop.
 */
export function listenAnew(ask: () => void): () => void {
  const stops = [
    listen("hello", ({ resumed }) => {
      if (!resumed) ask();
    }),
    listen("reset", () => ask()),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Follow the wall that is shown, for as long as the page can be seen. */
export function goLive(): void {
  const hidden = signal(document.hidden);
  document.addEventListener("visibilitychange", () => {
    hidden.value = document.hidden;
  });
  effect(() => {
    if (hidden.value || !wallId.value) return;
    // Audit events are many: they are asked for only where they are shown.
    const audit = place.value.tab === "events" ? ",audit" : "";
    return open(wallId.value, `rows,clock,deadletter,pipeline${audit}`);
  });
  listen("hello", () => window.clearTimeout(waiting));
  listenAnew(refresh);
  listen("rows", onRows);
  listen("clock", heardOfClock);
  listen("age", ({ age_s }) => {
    age.value = { at: Date.now(), ms: age_s * 1000 };
  });
  listen("pipeline", (told) => {
    pipeline.value = told;
  });
}

/** Without a stream the page is asked for all the same, after this long. */
const HELLO_WITHIN_MS = 1000;
let waiting: number | undefined;

/** Open the stream. What it says first makes the page ask: so nothing is missed in between. */
function open(id: string, topics: string): () => void {
  waiting = window.setTimeout(refresh, HELLO_WITHIN_MS);
  const source = new EventSource(addressOf("/api/stream", { query: { wall: id, topics } }));
  for (const [kind, heard] of Object.entries(listeners)) {
    source.addEventListener(kind, ({ data }) => {
      const told = JSON.parse(data);
      for (const listener of heard) listener(told);
    });
  }
  return () => {
    window.clearTimeout(waiting);
    source.close();
  };
}

async function refresh(): Promise<void> {
  const id = wallId.peek();
  await loadWalls();
  if (id !== wallId.peek()) return;
  const isThere = walls.value === null || walls.value.some((known) => known.wall === id);
  if (!isThere) {
    if (id && id !== awaited.peek()) loseWall();
  } else if (id === awaited.peek()) {
    arrived();
  } else {
    loadWall();
  }
}

function arrived(): void {
  awaited.value = "";
  loadWall();
}

/** Pictures and timelines are asked for again when this long nothing more has changed. */
const SETTLED_MS = 250;
let settling: number | undefined;
let pictureOf: string | null = null;

function onRows({ wall: id, summary, profiles, withdrawn, picture }: Told["rows"]): void {
  if (id !== wallId.peek()) return;
  if (id === awaited.peek()) {
    if (summary) arrived();
    return;
  }
  window.clearTimeout(settling);
  const changed = new Map(profiles.map((row) => [row.profile, row]));
  const gone = new Set(withdrawn);
  const isKnown =
    summary !== null &&
    wall.tell((known) => {
      const kept = known.profiles.filter(
        ({ profile }) => !changed.has(profile) && !gone.has(profile),
      );
      const rows = [...kept, ...profiles].sort((one, other) => one.profile - other.profile);
      return { ...summary, profiles: rows, next: known.next };
    });
  if (!isKnown) {
    refresh();
    return;
  }
  settling = window.setTimeout(() => {
    if (id !== wallId.peek()) return;
    if (picture !== pictureOf) loadPicture();
    pictureOf = picture;
    loadTimeline();
  }, SETTLED_MS);
}
