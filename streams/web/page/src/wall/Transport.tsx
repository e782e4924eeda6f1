/** The day: play, or the wall's clock while it runs; slider, and speed. */

import { lastDay, shownDay } from "../data";
import { amount } from "../format";
import { clockRuns, following, toggleFollowing } from "./clock";
import { DURATIONS_S, durationS, pace, playing, takeOver, togglePlay } from "./play";

/** From so many days on, Shift moves the slider by a hundredth of them. */
const MANY_DAYS = 1000;

export function Transport() {
  const days = lastDay.value;
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!step || !event.shiftKey || days <= MANY_DAYS) return;
    event.preventDefault();
    takeOver(shownDay.value + step * Math.round(days / 100));
  };
  return (
    <div class="transport">
      {clockRuns.value ? (
        <button
          type="button"
          class="play"
          aria-pressed={following.value}
          disabled={days === 0}
          onClick={toggleFollowing}
        >
          Follow the clock
        </button>
      ) : (
        <button type="button" class="main play" disabled={days === 0} onClick={togglePlay}>
          {playing.value ? "Pause" : "Play"}
        </button>
      )}
      <label class="slider">
        <span class="spoken">Day of the build</span>
        <input
          type="range"
          min={0}
          max={days}
          step={1}
          value={shownDay.value}
          disabled={days === 0}
          aria-valuetext={`Day ${amount(shownDay.value)} of ${amount(days)}`}
          onInput={(event) => takeOver(event.currentTarget.valueAsNumber)}
          onKeyDown={onKey}
        />
        <span class="ends" aria-hidden="true">
          <span>day 0</span>
          <span>day {amount(days)}</span>
        </span>
      </label>
      {!clockRuns.value && <Speed days={days} />}
    </div>
  );
}

function Speed({ days }: { days: number }) {
  return (
    <label class="speed">
      <span class="spoken">Speed</span>
      <select
        value={durationS.value}
        onChange={(event) => {
          durationS.value = Number(event.currentTarget.value);
        }}
      >
        {DURATIONS_S.map((seconds) => (
          <option key={seconds} value={seconds}>
            all in {seconds} s ({speed(pace(days, seconds))})
          </option>
        ))}
      </select>
    </label>
  );
}

function speed(daysPerSecond: number): string {
  return daysPerSecond >= 10
    ? `${amount(daysPerSecond)} days/s`
    : `${daysPerSecond.toFixed(1)} days/s`;
}
