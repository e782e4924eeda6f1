/** Which wall, what state it is in, and how old what is shown is. */

import { wall, wallId, walls } from "./data";
import { count } from "./format";
import { go } from "./place";
import { SCHEMES, type Scheme, scheme } from "./scheme";

export function Header() {
  const shown = wall.value;
  return (
    <header class="top">
      <h1>The Wall</h1>
      <label class="picker">
        <span class="spoken">Wall</span>
        <select
          id="wall-picker"
          value={wallId.value}
          onChange={(event) =>
            go({ wall: event.currentTarget.value, day: null, profile: null, crew: "", crews: null })
          }
        >
          {walls.value?.map(({ wall }) => (
            <option key={wall}>{wall}</option>
          ))}
        </select>
      </label>
      {shown && (
        <p class="facts">
          <span class={`state ${shown.state}`}>
            {shown.state === "COMPLETE" ? "Complete" : "Building"}
          </span>
          <span>{modeInWords(shown.mode, shown.crews)}</span>
          <span>
            {count(shown.profiles, "profile")}, {count(shown.sections, "section")}
          </span>
        </p>
      )}
      <label class="scheme">
        <span class="spoken">Colours</span>
        <select
          value={scheme.value}
          onChange={(event) => {
            scheme.value = event.currentTarget.value as Scheme;
          }}
        >
          {SCHEMES.map((name) => (
            <option key={name} value={name}>
              {name === "system" ? "as the system" : name}
            </option>
          ))}
        </select>
      </label>
    </header>
  );
}

function modeInWords(mode: string, crews: number | null): string {
  return crews === null
    ? mode.replaceAll("-", " ")
    : `${mode.replaceAll("-", " ")} of ${crews.toLocaleString("en-US")}`;
}
