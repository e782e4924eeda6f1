/** A wall that somebody types: its text, and what the API says of it while it is typed. */

import { computed, effect, signal } from "@preact/signals";
import { type BadPlace, type Problem, type Schemas, write } from "../api/client";
import { asProblem } from "../parts/Trouble";

export const EXAMPLE = `# a line for each profile: the height of each section, 0 to 30 ft
21 25 28
17
17 22 17 19 17
`;

export const text = signal("");
export const wall = signal("");
export const mode = signal("");
export const crews = signal("");
export const material = signal("ice");

type Checked = { checked: Schemas["ConfigChecked"] | null; problem: Problem | null };
export const verdict = signal<Checked>({ checked: null, problem: null });

export const badPlaces = computed<readonly BadPlace[]>(() => verdict.value.problem?.places ?? []);
/** Lines with something wrong, counted from 1. */
export const badLines = computed(() => new Set(badPlaces.value.map(({ line }) => line)));

/** Names that are none are found by the API; without one there is nothing to ask about. */
const CHECK_AFTER_MS = 250;

function asked(more: object) {
  const number = crews.peek().trim();
  return {
    path: { wall: wall.peek().trim() },
    query: {
      crews: number ? Number(number) : null,
      mode: mode.peek() || null,
      material: material.peek(),
      ...more,
    },
  };
}

const PATH = "/api/walls/{wall}/config";

/** Check what is typed shortly after each change. Returns how to stop. */
export function checkAsTyped(): () => void {
  return effect(() => {
    void [mode.value, crews.value, material.value];
    if (!text.value.trim() || !wall.value.trim()) {
      verdict.value = { checked: null, problem: null };
      return;
    }
    const asking = new AbortController();
    const timer = window.setTimeout(async () => {
      try {
        const given = asked({ dry_run: true });
        const answer = await write("post", PATH, given, text.peek(), asking.signal);
        verdict.value = { checked: answer as Schemas["ConfigChecked"], problem: null };
      } catch (error) {
        if (!asking.signal.aborted) verdict.value = { checked: null, problem: asProblem(error) };
      }
    }, CHECK_AFTER_MS);
    return () => {
      window.clearTimeout(timer);
      asking.abort();
    };
  });
}

export async function submit(): Promise<Schemas["WallAccepted"]> {
  return (await write("post", PATH, asked({}), text.peek())) as Schemas["WallAccepted"];
}

/** The first character of a place in the text, and the one after its word. */
export function rangeOf(all: string, line: number, column: number): [number, number] {
  const before = all.split("\n").slice(0, line - 1);
  const from = before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
  const word = /^\S*/.exec(all.slice(from))?.[0] ?? "";
  return [from, from + Math.max(1, word.length)];
}
