/** What is shown, as the address says it: every view can be sent to somebody. */

import { signal } from "@preact/signals";

export const TABS = ["profiles", "events", "crews", "deadletters", "pipeline", "submit"] as const;
export type Tab = (typeof TABS)[number];

export interface Place {
  wall: string;
  /** The day shown when one came here; null follows the wall's clock, else the end of the build. */
  day: number | null;
  tab: Tab;
  profile: number | null;
  crew: string;
  /** What is opened beside the page: explain, proof, or nothing. */
  show: string;
  /** Size of the pool of the what-if beside the actual build; null for none. */
  crews: number | null;
}

const NOWHERE: Place = {
  wall: "",
  day: null,
  tab: "profiles",
  profile: null,
  crew: "",
  show: "",
  crews: null,
};

/** The place that an address's query names; what it says wrongly is left out. */
export function readPlace(query: string): Place {
  const given = new URLSearchParams(query);
  const number = (name: string, least: number) => {
    const text = given.get(name) ?? "";
    return /^\d{1,10}$/.test(text) && Number(text) >= least ? Number(text) : null;
  };
  const tab = given.get("tab") as Tab;
  return {
    wall: given.get("wall") ?? "",
    day: number("day", 0),
    tab: TABS.includes(tab) ? tab : "profiles",
    profile: number("profile", 1),
    crew: given.get("crew") ?? "",
    show: given.get("show") ?? "",
    crews: number("crews", 1),
  };
}

/** The query that names a place; what is as it comes is left out. */
export function writePlace(place: Place): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(place)) {
    if (value !== NOWHERE[name as keyof Place]) query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `?${text}` : "";
}

export const place = signal<Place>(readPlace(location.search));
/** Apart from the place, for it changes with every frame while one slides. */
export const day = signal<number | null>(place.value.day);

/** Go somewhere: a new entry of the browser's history, for the back button. */
export function go(change: Partial<Place>): void {
  place.value = { ...place.value, ...change };
  if ("day" in change) day.value = change.day ?? null;
  history.pushState(null, "", address());
}

/** Show another wall, from the end of its build. */
export function goToWall(wall: string): void {
  go({ wall, day: null, profile: null, crew: "", crews: null, show: "" });
}

// Browsers refuse more than some hundred changes of the address in half a minute.
const ADDRESS_EVERY_MS = 400;
let pending: number | undefined;

/** Show a day: the address follows when the slider rests. */
export function goToDay(to: number | null): void {
  day.value = to;
  pending ??= window.setTimeout(() => {
    pending = undefined;
    history.replaceState(null, "", address());
  }, ADDRESS_EVERY_MS);
}

function address(): string {
  return location.pathname + writePlace({ ...place.peek(), day: day.peek() });
}

window.addEventListener("popstate", () => {
  place.value = readPlace(location.search);
  day.value = place.value.day;
});
