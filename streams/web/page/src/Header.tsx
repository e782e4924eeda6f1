/** Which wall, what state it is in, and how old what is shown is. */

import { signal } from "@preact/signals";
import { wall, wallId } from "./data";
import { ago, amount, count } from "./format";
import { age, pipeline } from "./live";
import { go } from "./place";
import { SCHEMES, type Scheme, scheme } from "./scheme";

/** After so long without a word from the stream what is shown may be old, in milliseconds. */
const SILENT_AFTER_MS = 3500;

const now = signal(Date.now());
window.setInterval(() => {
  now.value = Date.now();
}, 1000);

export function Header() {
  const shown = wall.value;
  return (
    <header class="top">
      <h1>
        <img src="./favicon.svg" alt="" width="26" height="26" />
        The Wall
      </h1>
      <button
        type="button"
        class="picker"
        aria-haspopup="dialog"
        onClick={() => go({ show: "walls" })}
      >
        {wallId.value || "no wall"} <kbd>/</kbd>
      </button>
      {shown && (
        <p class="facts">
          <span class={`state ${shown.state}`}>
            {shown.state === "COMPLETE" ? "Complete" : "Building"}
          </span>
          <span>{modeInWords(shown.mode, shown.crews)}</span>
          <span>
            {count(shown.profile_count, "profile")}, {count(shown.sections, "section")}
          </span>
        </p>
      )}
      <div class="right">
        <Freshness />
        {shown && (
          <button type="button" onClick={() => go({ show: "proof" })}>
            Prove it
          </button>
        )}
        <label>
          <span class="spoken">Colours</span>
          <select
            value={scheme.value}
            onChange={(event) => {
              scheme.value = event.currentTarget.value as Scheme;
            }}
          >
            {SCHEMES.map((name) => (
              <option key={name} value={name}>
                {name === "system" ? "Auto" : name === "dark" ? "Dark" : "Light"}
              </option>
            ))}
          </select>
        </label>
      </div>
    </header>
  );
}

function Freshness() {
  const told = age.value;
  const since = told ? now.value - told.at : Number.POSITIVE_INFINITY;
  const silent = since > SILENT_AFTER_MS;
  const waiting = pipeline.value?.lag ?? 0;
  if (!told) return <p class="freshness silent">not connected</p>;
  return (
    <p class={`freshness ${silent ? "silent" : ""}`}>
      as of {ago(told.ms + (silent ? since : 0))} ago
      {waiting > 0 && ` · ${amount(waiting)} waiting`}
    </p>
  );
}

function modeInWords(mode: string, crews: number | null): string {
  const words = mode.replaceAll("-", " ");
  return crews === null ? words : `${words} of ${amount(crews)}`;
}
