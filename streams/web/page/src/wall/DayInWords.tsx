/** The picture in words, for those who do not see it; said anew every two seconds at most. */

import { computed, effect, signal } from "@preact/signals";
import { picture, progress, shownDay, timeline } from "../data";
import { amount, count } from "../format";

const EVERY_MS = 2000;

const words = computed(() => {
  if (!progress.value) return "";
  const day = shownDay.value;
  const { atWork, finished, sections } = progress.value.wall;
  const ice = timeline.value ? `, ${amount(timeline.value.on(day).iceSoFar)} yd³ so far` : "";
  const finishedWords = `${amount(finished)} of ${amount(sections)} finished`;
  return `Day ${amount(day)}: ${count(atWork, "section")} at work, ${finishedWords}${ice}`;
});

const spoken = signal("");
let waiting: number | undefined;

effect(() => {
  void [shownDay.value, picture.value, timeline.value];
  waiting ??= window.setTimeout(() => {
    waiting = undefined;
    spoken.value = words.peek();
  }, EVERY_MS);
});

export function DayInWords() {
  return (
    <p id="day-in-words" class="spoken" aria-live="polite">
      {spoken}
    </p>
  );
}
