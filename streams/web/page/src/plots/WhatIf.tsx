/** What if there were more crews, or fewer; and how many it would take to be done by a day. */

import { useSignal } from "@preact/signals";
import { lastDay } from "../data";
import { amount, count, percent } from "../format";
import { Trouble } from "../parts/Trouble";
import { go, place } from "../place";
import { findFewest, ghost, search } from "./whatif";

export function WhatIf() {
  const byDay = useSignal("");
  const { crews } = place.value;
  const found = search.value;
  const show = (number: number | null) => go({ crews: number });
  return (
    <section class="what-if" aria-label="What if">
      <form
        class="bar"
        onSubmit={(event) => {
          event.preventDefault();
          findFewest(Number(byDay.value));
        }}
      >
        <label>
          What if there were a pool of{" "}
          <input
            type="number"
            min={1}
            max={1_000_000}
            value={crews ?? ""}
            placeholder="crews"
            onChange={(event) => show(event.currentTarget.valueAsNumber || null)}
          />{" "}
          crews?
        </label>
        {crews !== null && ghost.value && (
          <p class="other" role="status">
            Done on day <strong>{amount(ghost.value.lastDay)}</strong>,{" "}
            {difference(ghost.value.lastDay)}
            <button type="button" aria-label="No what-if" onClick={() => show(null)}>
              ×
            </button>
          </p>
        )}
        <label class="by-day">
          Fewest crews to be done by day{" "}
          <input
            type="number"
            required
            min={1}
            value={byDay.value}
            placeholder={String(lastDay.value)}
            onInput={(event) => {
              byDay.value = event.currentTarget.value;
            }}
          />
        </label>
        <button type="submit" disabled={search.state.value.loading}>
          {search.state.value.loading ? "Trying…" : "Find"}
        </button>
        {found && (
          <p role="status">
            <button type="button" class="plain number" onClick={() => show(found.crews)}>
              {count(found.crews, "crew")}
            </button>
            , done on day {amount(found.days)}, at work {percent(found.utilisation, 1)} of their
            days
          </p>
        )}
      </form>
      <Trouble problem={ghost.state.value.problem ?? search.state.value.problem} />
    </section>
  );
}

function difference(days: number): string {
  const sooner = lastDay.value - days;
  if (sooner === 0) return "as it is";
  return `${count(Math.abs(sooner), "day")} ${sooner > 0 ? "sooner" : "later"}`;
}
