/** Playing the build: by the wall's clock while it runs, else by the browser's own. */

import { effect, signal } from "@preact/signals";
import { clock, lastDay, playhead, shownDay, wallId } from "../data";
import { goToDay } from "../place";
import { stillness } from "../scheme";
import { clockRuns, following, toggleFollowing } from "./clock";

/** How long the whole build may take, in seconds. */
export const DURATIONS_S = [5, 10, 30, 120] as const;

export const playing = signal(false);
export const durationS = signal<number>(10);

/** Days a second that a build of so many days plays at. */
export function pace(days: number, wholeS: number): number {
  return Math.max(days, 1) / wholeS;
}

export function togglePlay(): void {
  if (clockRuns.value) {
    toggleFollowing();
    return;
  }
  if (!playing.value && shownDay.value >= lastDay.value) goToDay(0);
  playing.value = !playing.value && lastDay.value > 0;
}

/** Whoever takes the slider stops the play. */
export function takeOver(day: number): void {
  playing.value = false;
  goToDay(Math.min(Math.max(Math.round(day), 0), lastDay.value));
}

/** Longest day of a clock, in milliseconds, within which the picture moves. */
const LONGEST_MOVING_MS = 10_000;
/** News of days comes so often, in milliseconds, or with each day if that takes longer. */
const NEWS_EVERY_MS = 150;

/** Run while something plays. */
export function runPlayer(): void {
  effect(() => {
    void [wallId.value, clockRuns.value];
    playing.value = false;
  });
  effect(() => {
    if (following.value) return moveWithClock();
    if (playing.value) return play();
    playhead.value = null;
    return;
  });
}

function play(): () => void {
  let at = shownDay.peek();
  let before = performance.now();
  return eachFrame((now) => {
    at = Math.min(
      at + ((now - before) / 1000) * pace(lastDay.peek(), durationS.peek()),
      lastDay.peek(),
    );
    before = now;
    // Without motion, days follow one another in steps.
    playhead.value = stillness.matches ? null : at;
    if (Math.floor(at) !== shownDay.peek()) goToDay(Math.floor(at));
    if (at >= lastDay.peek()) playing.value = false;
    return at < lastDay.peek();
  });
}

/** From the day that was told last, move towards the next one. */
function moveWithClock(): (() => void) | undefined {
  const { told, ms_per_day } = clock.value as { told: number; ms_per_day: number };
  if (stillness.matches || ms_per_day > LONGEST_MOVING_MS) {
    playhead.value = null;
    return;
  }
  const began = performance.now();
  const ahead = Math.max(1, NEWS_EVERY_MS / ms_per_day);
  return eachFrame((now) => {
    const passed = Math.min(Math.max(now - began, 0) / ms_per_day, ahead);
    playhead.value = Math.min(told + passed, lastDay.peek());
    return passed < ahead;
  });
}

/** Call a function with each frame for as long as it says so. Returns how to stop. */
function eachFrame(step: (now: number) => boolean): () => void {
  let frame = requestAnimationFrame(function tick(now) {
    if (step(now)) frame = requestAnimationFrame(tick);
  });
  return () => cancelAnimationFrame(frame);
}
