/** The crews, when each of them works, and what one of them builds. */

import { computed } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, type Schemas } from "../api/client";
import { lastDay, picture, restingDay, wall, wallId } from "../data";
import { amount, count } from "../format";
import { Loadable } from "../load";
import { Empty, Shown } from "../parts/Trouble";
import { go, place } from "../place";
import { type Task, tasksOf } from "../wall/picture";

const crews = new Loadable<Schemas["Crews"]>();
/** What each of the crews shown builds, from the picture: a list of them need not be asked for. */
const tasks = computed(() => {
  const names = crews.value?.crews.map(({ crew }) => crew) ?? [];
  return picture.value ? tasksOf(picture.value, names) : new Map<string, Task[]>();
});
const log = new Loadable<Schemas["CrewLog"]>();

function load(after = ""): void {
  const path = { wall: wallId.peek() };
  const before = after ? crews.state.peek().value : null;
  crews.load(async (signal) => {
    const page = await get(
      "/api/walls/{wall}/crews",
      { path, query: { limit: 50, after } },
      signal,
    );
    return { ...page, crews: [...(before?.crews ?? []), ...page.crews] };
  });
}

export function Crews() {
  const { crew } = place.value;
  const version = wall.value?.version;
  // Asked anew for another wall or plan
  useEffect(() => load(), [wallId.value, version]);
  // The same.
  useEffect(() => {
    if (!crew) return log.clear();
    const path = { wall: wallId.peek(), crew };
    log.load((signal) => get("/api/walls/{wall}/crews/{crew}", { path }, signal));
  }, [wallId.value, version, crew]);
  return (
    <Shown of={crews}>
      {(known) => (
        <>
          <p class="note">
            {count(known.crew_count, "crew")} at work on{" "}
            {count(wall.value?.sections ?? 0, "section")}. Choose one to see what it builds.
          </p>
          {known.crews.length === 0 && <Empty>No crew has anything to build.</Empty>}
          <div class="scroll">
            <table class="crews">
              <thead>
                <tr>
                  <th scope="col">Crew</th>
                  <th scope="col" class="amount">
                    Sections
                  </th>
                  <th scope="col" class="wide">
                    At work
                  </th>
                  <th scope="col" class="amount">
                    Days
                  </th>
                  <th scope="col" class="amount">
                    Relieved on day
                  </th>
                </tr>
              </thead>
              <tbody>
                {known.crews.map((one) => (
                  <CrewRow key={one.crew} crew={one} chosen={one.crew === crew} />
                ))}
              </tbody>
            </table>
          </div>
          {known.next !== null && (
            <button type="button" onClick={() => load(known.next ?? "")}>
              More crews
            </button>
          )}
        </>
      )}
    </Shown>
  );
}

function CrewRow({ crew, chosen }: { crew: Schemas["CrewSummary"]; chosen: boolean }) {
  return (
    <>
      <tr aria-selected={chosen}>
        <th scope="row">
          <button
            type="button"
            class="plain number"
            aria-expanded={chosen}
            onClick={() => go({ crew: chosen ? "" : crew.crew })}
          >
            {crew.crew}
          </button>
        </th>
        <td class="amount">{amount(crew.sections)}</td>
        <td class="wide">
          <Bars tasks={tasks.value.get(crew.crew) ?? []} />
        </td>
        <td class="amount">
          {amount(crew.first_day)}–{amount(crew.last_day)}
        </td>
        <td class="amount">{amount(crew.relieved_on)}</td>
      </tr>
      {chosen && (
        <tr aria-selected="true">
          <td colSpan={5}>
            <Shown of={log}>
              {({ log: tasks }) => (
                <ol class="tasks">
                  {tasks.map((task) => (
                    <li key={`${task.profile}.${task.section}`}>
                      <strong>
                        {task.profile}.{task.section}
                      </strong>{" "}
                      day {amount(task.first_day)}–{amount(task.last_day)}
                    </li>
                  ))}
                </ol>
              )}
            </Shown>
          </td>
        </tr>
      )}
    </>
  );
}

/** A crew's sections on the length of the build: done, at work, and to come. */
function Bars({ tasks }: { tasks: readonly Task[] }) {
  const days = Math.max(1, lastDay.value);
  const day = restingDay.value;
  const share = (of: number) => `${(100 * of) / days}%`;
  return (
    <span class="bars" aria-hidden="true">
      {tasks.map(({ first, last }) => (
        <span
          key={first}
          class={last < day ? "done" : first <= day ? "now" : ""}
          style={{ left: share(first - 1), width: share(last - first + 1) }}
        />
      ))}
      <i style={{ left: share(day) }} />
    </span>
  );
}
