/** The audit log of the wall, newest first, as it grows. */

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, type Schemas } from "../api/client";
import { wallId } from "../data";
import { amount, count, moment } from "../format";
import { listen, listenAnew } from "../live";
import { Loadable } from "../load";
import { Empty, Shown } from "../parts/Trouble";
import { go, place } from "../place";
import { type EventLog, insert, merged, NOTHING } from "./eventlog";

const log = new Loadable<EventLog>();
const paused = signal(false);
const waiting = signal<EventLog>(NOTHING);

type Event = Schemas["AuditEvent"];

/** A page is short where few of a topic's records are wanted: then so many more are asked for. */
const MOST_PAGES = 5;

function load(after = ""): void {
  const { profile, crew } = place.peek();
  const path = { wall: wallId.peek() };
  const before = after ? log.state.peek().value : null;
  log.load(async (signal) => {
    const found = [...(before?.events ?? [])];
    let next: string | null = after;
    for (let pages = 0; pages < MOST_PAGES && next !== null; pages++) {
      const query = { limit: 100, after: next, crew: crew || null, profile };
      const page: Schemas["AuditEvents"] = await get(
        "/api/walls/{wall}/events",
        { path, query },
        signal,
      );
      found.push(...page.events);
      next = page.next;
      if (page.events.length > 0) break;
    }
    return { events: found, skipped: before?.skipped ?? 0, next };
  });
}

function change(made: (known: EventLog) => EventLog): void {
  if (!log.tell(made)) load();
}

function onAudit(told: { events: Event[]; skipped: number }): void {
  const { profile, crew } = place.peek();
  const wanted = told.events.filter(
    (event) => (!profile || event.profile === profile) && (!crew || event.crew === crew),
  );
  if (paused.peek()) waiting.value = insert(waiting.value, wanted, told.skipped);
  else change((known) => insert(known, wanted, told.skipped));
}

function pauseOrGoOn(): void {
  paused.value = !paused.value;
  if (paused.value) return;
  const came = waiting.value;
  change((known) => merged(known, came));
  waiting.value = NOTHING;
}

export function Events() {
  const { profile, crew } = place.value;
  useEffect(() => {
    load();
    const stops = [listenAnew(load), listen("audit", onAudit)];
    return () => {
      for (const stop of stops) stop();
    };
    // Asked anew for another wall or filter
  }, [wallId.value, profile, crew]);
  return (
    <>
      <div class="bar">
        <button type="button" onClick={pauseOrGoOn}>
          {paused.value ? `Go on (${count(waiting.value.events.length, "new event")})` : "Pause"}
        </button>
        {profile !== null && (
          <button type="button" onClick={() => go({ profile: null })}>
            Profile {profile} only ×
          </button>
        )}
        {crew && (
          <button type="button" onClick={() => go({ crew: "" })}>
            Crew {crew} only ×
          </button>
        )}
      </div>
      <Shown of={log}>
        {({ events, skipped, next }) => (
          <>
            {skipped > 0 && (
              <p class="note">
                {count(skipped, "event")} came faster than can be shown; they are on the topic.
              </p>
            )}
            {events.length === 0 && (
              <Empty>No event yet. Submit a wall, and watch them come.</Empty>
            )}
            <ol class="log">
              {events.map((event) => (
                <li key={`${event.partition}/${event.offset}`}>
                  <time>{event.time === null ? "" : moment(event.time)}</time>
                  <span class={`kind ${event.kind}`}>{inWords(event)}</span>
                  <span class="soft at">
                    {event.run && `run ${event.run} · `}
                    version {event.version} · partition {event.partition} offset {event.offset}
                  </span>
                </li>
              ))}
            </ol>
            {next !== null && (
              <button type="button" onClick={() => load(next)}>
                Older events
              </button>
            )}
          </>
        )}
      </Shown>
    </>
  );
}

/** An event as a sentence. */
export function inWords(event: Event): string {
  const { profile, section, crew } = event;
  const day = event.day == null ? "" : amount(event.day);
  switch (event.kind) {
    case "SectionCompleted":
      return `Crew ${crew} finished section ${section} of profile ${profile} on day ${day}`;
    case "CrewRelieved":
      return `Crew ${crew} was relieved on day ${day}`;
    case "PlanReplaced":
      return `Profile ${profile}: version ${event.old_version} of the plan gives way to ${event.version}`;
    case "ProfileCompleted":
      return event.day === 0
        ? `Profile ${profile} had nothing to build`
        : `Profile ${profile} is complete on day ${day}`;
    case "DayPassed": {
      const { sections, ice, cumulative_cost } = event;
      const work = `${count(sections ?? 0, "section")} at work, ${amount(ice ?? 0)} yd³`;
      return `Day ${day} passed: ${work}; ${amount(cumulative_cost ?? 0)} GD so far`;
    }
    case "ProfileWithdrawn":
      return `Profile ${profile} was withdrawn`;
    default:
      return event.kind;
  }
}
