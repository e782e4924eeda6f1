/** The controls of the wall's clock. Every page that shows the wall sees what they do. */

import { useSignal } from "@preact/signals";
import type { Problem } from "../api/client";
import { clock, lastDay } from "../data";
import { amount } from "../format";
import { Token } from "../parts/Token";
import { asProblem, Trouble } from "../parts/Trouble";
import { atItsEnd, LENGTHS_MS, lengthInWords, lengthMs, pause, resume, start, stop } from "./clock";

export function Clock() {
  const problem = useSignal<Problem | null>(null);
  const sending = useSignal(false);
  const known = clock.value;
  if (!known) return null;
  const act = (label: string, how: () => Promise<void>, main = false) => (
    <button
      type="button"
      class={main ? "main" : ""}
      disabled={sending.value || (how === start && lastDay.value === 0)}
      onClick={async () => {
        sending.value = true;
        problem.value = null;
        try {
          await how();
        } catch (error) {
          problem.value = asProblem(error);
        }
        sending.value = false;
      }}
    >
      {label}
    </button>
  );
  const { state } = known;
  const underWay = state === "RUNNING" || state === "PAUSED";
  return (
    <section class="clock" aria-label="Clock">
      <p class={`clock-state ${atItsEnd.value ? "" : state}`} role="status">
        {stateInWords()}
      </p>
      {state !== "RUNNING" && <Length />}
      {!underWay && act("Start the clock", start)}
      {state === "RUNNING" && !atItsEnd.value && act("Pause the clock", pause)}
      {state === "PAUSED" && act("Resume the clock", resume, true)}
      {underWay && act("Stop the clock", stop)}
      <Trouble problem={problem.value} />
      {problem.value?.status === 401 && <Token />}
    </section>
  );
}

function stateInWords(): string {
  const known = clock.value;
  if (!known || known.state === null) return "Build it in real time:";
  if (known.state === "STOPPED") return `The clock was stopped after day ${amount(known.day)}.`;
  if (atItsEnd.value) return "The clock has come to the end of the build.";
  if (known.state === "PAUSED") return `The clock is paused after day ${amount(known.day)}.`;
  return `The clock runs: a day takes ${lengthInWords(known.ms_per_day ?? 0)}.`;
}

function Length() {
  const lengths = new Set<number>([...LENGTHS_MS, lengthMs.value]);
  return (
    <label class="length">
      A day takes{" "}
      <select
        value={lengthMs.value}
        onChange={(event) => {
          lengthMs.value = Number(event.currentTarget.value);
        }}
      >
        {[...lengths]
          .sort((one, other) => one - other)
          .map((ms) => (
            <option key={ms} value={ms}>
              {lengthInWords(ms)}
            </option>
          ))}
      </select>
    </label>
  );
}
