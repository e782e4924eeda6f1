/** Light and dark: as the system has it, unless somebody chose. */

import { effect, signal } from "@preact/signals";

export const SCHEMES = ["system", "light", "dark"] as const;
export type Scheme = (typeof SCHEMES)[number];

const stored = localStorage.getItem("scheme") as Scheme;

export const scheme = signal<Scheme>(SCHEMES.includes(stored) ? stored : "system");
/** Counts the changes: what is drawn on a canvas has to be drawn anew. */
export const schemeChanged = signal(0);

/** Whether the person asked for no motion. */
export const stillness = window.matchMedia("(prefers-reduced-motion: reduce)");

const dark = window.matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => schemeChanged.value++);

effect(() => {
  document.documentElement.dataset["scheme"] = scheme.value;
  localStorage.setItem("scheme", scheme.value);
  schemeChanged.value = schemeChanged.peek() + 1;
});
