/** Dead letters as the page keeps them: the newest first, and what became of those resubmitted. */

import { signal } from "@preact/signals";
import { get, type Schemas, write } from "../api/client";
import { listen, listenAnew } from "../live";
import { Loadable } from "../load";
import { asProblem } from "../parts/Trouble";

export type Letter = Schemas["DeadLetterSummary"];

export interface Letters {
  letters: Letter[];
  next: string | null;
}

export const letters = new Loadable<Letters>();
/** Where a dead letter went when it was resubmitted, or why it was not; by partition/offset. */
export const resubmitted = signal<ReadonlyMap<string, string>>(new Map());
/** How many came while the page looked, and nobody has seen yet. */
export const unseen = signal(0);

export const idOf = ({ partition, offset }: { partition: number; offset: number }) =>
  `${partition}/${offset}`;

export function loadLetters(after = ""): void {
  const before = after ? (letters.state.peek().value?.letters ?? []) : [];
  letters.load(async (signal) => {
    const page = await get("/api/deadletters", { query: { limit: 100, after } }, signal);
    return { letters: [...before, ...page.dead_letters], next: page.next };
  });
}

/** Put one back on its topic, as it was. */
export async function resubmit(letter: Letter): Promise<void> {
  const note = (text: string) => {
    resubmitted.value = new Map(resubmitted.value).set(idOf(letter), text);
  };
  const { partition, offset } = letter;
  note("resubmitting…");
  try {
    const path = { partition, offset };
    const done = await write("post", "/api/deadletters/{partition}/{offset}/resubmit", { path });
    note(`resubmitted: ${done.topic}, partition ${done.partition}, offset ${done.offset}`);
  } catch (error) {
    note(asProblem(error).detail);
  }
}

/** Bytes as a hex dump: offset, sixteen bytes, and what is readable of them. */
export function hexDump(bytes: Uint8Array, most = 2048): string {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, most); at += 16) {
    const row = [...bytes.subarray(at, Math.min(at + 16, most))];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·"));
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${text.join("")}`);
  }
  if (bytes.length > most) lines.push(`… and ${bytes.length - most} bytes more`);
  return lines.join("\n");
}

export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

listenAnew(() => {
  const { value, loading } = letters.state.peek();
  if (value || loading) loadLetters();
});

listen("deadletter", ({ dead_letters }) => {
  unseen.value += dead_letters.length;
  const isKnown = letters.tell((known) => {
    const ids = new Set(known.letters.map(idOf));
    const fresh = dead_letters.filter((letter) => !ids.has(idOf(letter))).reverse();
    return { ...known, letters: [...fresh, ...known.letters] };
  });
  if (!isKnown && letters.state.peek().problem) loadLetters();
});
