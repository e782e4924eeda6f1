/** A list of audit events that grows at its newest end and says what it left out. */

import type { Schemas } from "../api/client";

export interface EventLog {
  /** Newest first. */
  events: Schemas["AuditEvent"][];
  /** How many came too fast to be shown. */
  skipped: number;
  /** Where older ones begin; null if there are none. */
  next: string | null;
}

export const NOTHING: EventLog = { events: [], skipped: 0, next: null };

/** A page does not get better by more rows than this. */
const MOST = 1000;

/** Put events that came, oldest first, before those that are there; none twice. */
export function insert(log: EventLog, came: EventLog["events"], skipped: number): EventLog {
  const known = new Set(log.events.map(idOf));
  const fresh = came.filter((event) => !known.has(idOf(event))).reverse();
  const events = [...fresh, ...log.events].slice(0, MOST);
  return { events, skipped: log.skipped + skipped, next: log.next };
}

/** Put what came during a pause before what was there. */
export function merged(log: EventLog, waiting: EventLog): EventLog {
  return insert(log, [...waiting.events].reverse(), waiting.skipped);
}

function idOf(event: Schemas["AuditEvent"]): string {
  return `${event.partition}/${event.offset}`;
}
