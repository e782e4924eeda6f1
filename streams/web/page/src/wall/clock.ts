/** The wall's clock: what it does, whether the page follows it, and what one can do to it. */

import { computed, effect, signal } from "@preact/signals";
import { type Schemas, write } from "../api/client";
import { clock, lastDay, loadClock, shownDay, wallId } from "../data";
import { day, goToDay } from "../place";

type Summary = Schemas["ClockSummary"];

/** Lengths of a day to choose from, in milliseconds. */
export const LENGTHS_MS = [50, 200, 1_000, 5_000, 60_000, 3_600_000, 86_400_000] as const;

/** The length that a run is started or resumed with. */
export const lengthMs = signal<number>(1_000);

const lengthNow = computed(() => clock.value?.ms_per_day ?? null);
effect(() => {
  if (lengthNow.value !== null) lengthMs.value = lengthNow.value;
});

export const clockRuns = computed(() => clock.value?.state === "RUNNING");

/** Whether the day shown is the clock's: one has chosen no other. */
export const following = computed(() => clockRuns.value && day.value === null);

/** Whether a run that goes on has nothing left to tell. */
export const atItsEnd = computed(() => {
  const known = clock.value;
  return known !== null && lastDay.value > 0 && known.told >= known.last_day;
});

export function toggleFollowing(): void {
  goToDay(following.value ? shownDay.value : null);
}

/** The clock was set, or days passed. */
export function heardOfClock(told: Summary): void {
  if (told.wall !== wallId.peek()) return;
  // Whoever followed a run that is over goes on to see where it stopped.
  if (following.peek() && told.state !== "RUNNING" && told.state !== "PAUSED") {
    goToDay(shownDay.peek());
  }
  if (!clock.tell(() => told)) loadClock();
}

export async function start(): Promise<void> {
  const path = { wall: wallId.peek() };
  const body = { ms_per_day: lengthMs.peek() };
  heardOfClock((await write("post", "/api/walls/{wall}/clock/start", { path }, body)).clock);
  goToDay(null);
}

export async function pause(): Promise<void> {
  const path = { wall: wallId.peek() };
  heardOfClock((await write("post", "/api/walls/{wall}/clock/pause", { path })).clock);
}

export async function resume(): Promise<void> {
  const path = { wall: wallId.peek() };
  const body = { ms_per_day: lengthMs.peek() };
  heardOfClock((await write("post", "/api/walls/{wall}/clock/resume", { path }, body)).clock);
  goToDay(null);
}

export async function stop(): Promise<void> {
  const path = { wall: wallId.peek() };
  heardOfClock((await write("post", "/api/walls/{wall}/clock/stop", { path })).clock);
}

/** A length in words: 50 ms, 1 s, 5 min, 1 h, 1 day. */
export function lengthInWords(ms: number): string {
  const units: [number, string][] = [
    [86_400_000, "day"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1_000, "s"],
  ];
  const [size, unit] = units.find(([size]) => ms % size === 0) ?? [1, "ms"];
  return `${ms / size} ${unit}`;
}
