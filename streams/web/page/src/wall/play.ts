/** Playing the build: the browser's own clock, from the day shown to the last. */

import { effect, signal } from "@preact/signals";
import { lastDay, playhead, shownDay, wallId } from "../data";
import { goToDay } from "../place";
import { stillness } from "../scheme";

/** How long the whole build may take, in seconds. */
export const DURATIONS_S = [5, 10, 30, 120] as const;

export const playing = signal(false);
export const durationS = signal<number>(10);

/** Days a second that a build of so many days plays at. */
export function pace(days: number, wholeS: number): number {
  return Math.max(days, 1) / wholeS;
}

export function togglePlay(): void {
  if (!playing.value && shownDay.value >= lastDay.value) goToDay(0);
  playing.value = !playing.value && lastDay.value > 0;
}

/** Whoever takes the slider stops the play. */
export function takeOver(day: number): void {
  playing.value = false;
  goToDay(Math.min(Math.max(Math.round(day), 0), lastDay.value));
}

/** Run while something plays. */
export function runPlayer(): void {
  effect(() => {
    void wallId.value;
    playing.value = false;
  });
  effect(() => {
    if (!playing.value) {
      playhead.value = null;
      return;
    }
    let at = shownDay.peek();
    let before = performance.now();
    let frame = requestAnimationFrame(function tick(now) {
      at = Math.min(
        at + ((now - before) / 1000) * pace(lastDay.peek(), durationS.peek()),
        lastDay.peek(),
      );
      before = now;
      // Without motion, days follow one another in steps.
      playhead.value = stillness.matches ? null : at;
      if (Math.floor(at) !== shownDay.peek()) goToDay(Math.floor(at));
      if (at >= lastDay.peek()) playing.value = false;
      else frame = requestAnimationFrame(tick);
    });
    return () => cancelAnimationFrame(frame);
  });
}
