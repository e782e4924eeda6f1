/** Explain this number: from the cost back to the event that was submitted. */

import { useEffect } from "preact/hooks";
import { get, type Schemas } from "../api/client";
import { lastDay, picture, timeline, wall, wallId } from "../data";
import { amount, count } from "../format";
import { Loadable } from "../load";
import { Dialog } from "../parts/Dialog";
import { Place } from "../parts/Place";
import { Empty, Shown } from "../parts/Trouble";
import { day, go, place } from "../place";
import { progressOn } from "../wall/picture";

const explained = new Loadable<Schemas["Explanation"]>();

export function Explain() {
  const { profile } = place.value;
  const on = day.value ?? lastDay.value;
  return (
    <Dialog title={on ? `What was used on day ${amount(on)}` : "Before day 1"}>
      {on === 0 ? (
        <Empty>Nothing was used yet: the build begins on day 1.</Empty>
      ) : profile === null ? (
        <OfWall day={on} />
      ) : (
        <OfProfile profile={profile} day={on} />
      )}
    </Dialog>
  );
}

/** The wall's amounts are those of its profiles, added up. */
function OfWall({ day }: { day: number }) {
  const amounts = timeline.value?.on(day);
  const shown = picture.value;
  if (!amounts || !shown) return <p class="note">Loading…</p>;
  const parts = shown.profiles
    .map((profile) => ({
      ...profile,
      ...progressOn(shown, day, profile.start, profile.start + profile.sections),
    }))
    .filter(({ atWork }) => atWork > 0);
  return (
    <>
      <Sum
        sections={amounts.atWork}
        ice={amounts.ice}
        cost={amounts.cost}
        soFar={amounts.costSoFar}
        day={day}
      />
      <h3>Made of {count(parts.length, "profile")}; choose one to see where it comes from</h3>
      <ul class="chips">
        {parts.slice(0, 200).map(({ number, atWork }) => (
          <li key={number}>
            <button type="button" onClick={() => go({ profile: number })}>
              Profile {number}: {count(atWork, "section")}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function OfProfile({ profile, day }: { profile: number; day: number }) {
  const version = wall.value?.version;
  // Asked anew for another plan
  useEffect(() => {
    const asked = { path: { wall: wallId.peek() }, query: { profile, day } };
    explained.load((signal) => get("/api/walls/{wall}/explain", asked, signal));
  }, [profile, day, version]);
  return (
    <>
      <nav class="bar">
        <button type="button" onClick={() => go({ profile: null })}>
          The whole wall
        </button>
        <label>
          Day{" "}
          <input
            type="number"
            min={1}
            max={lastDay.value}
            value={day}
            onChange={(event) => go({ day: event.currentTarget.valueAsNumber || 1 })}
          />
        </label>
      </nav>
      <Shown of={explained}>
        {({ factors, sections, source, version, mode, crews, material, state }) => (
          <>
            <Sum
              sections={factors.sections_at_work}
              perFoot={factors.yd3_per_ft}
              price={factors.gd_per_yd3}
              ice={factors.ice}
              cost={factors.cost}
              soFar={factors.cumulative_cost}
              day={day}
            />
            <ol class="way">
              <li>
                <h3>Sections at work</h3>
                <p>
                  {sections.length === 0 &&
                    "None: every section of the profile is finished by then."}
                  {sections
                    .slice(0, 100)
                    .map((section) => `${profile}.${section}`)
                    .join(", ")}
                  {sections.length > 100 && ` and ${amount(sections.length - 100)} more`}
                </p>
              </li>
              <li>
                <h3>By the plan of version {version}</h3>
                <p>
                  {mode.replaceAll("-", " ")}
                  {crews !== null && ` of ${amount(crews)}`}, built of {material}
                </p>
              </li>
              <li>
                <h3>{source ? `Set by the wall's ${source.what}` : "Set by an event"}</h3>
                {source ? (
                  <p>
                    submitted: <Place {...source.submitted} isInput />
                    <br />
                    accepted: <Place {...source.accepted} />
                  </p>
                ) : (
                  <p>
                    {state === "BUILDING"
                      ? "A newer plan is being built; these amounts are of the one before."
                      : "Its place is no longer known."}
                  </p>
                )}
              </li>
            </ol>
          </>
        )}
      </Shown>
    </>
  );
}

/** The sum as one would write it down. */
function Sum(props: {
  sections: number;
  perFoot?: number;
  price?: number;
  ice: number;
  cost: number;
  soFar: number;
  day: number;
}) {
  const { sections, ice, cost, soFar, day } = props;
  const perFoot = props.perFoot ?? (sections ? ice / sections : 0);
  const price = props.price ?? (ice ? cost / ice : 0);
  return (
    <dl class="sum">
      <div>
        <dt>Ice</dt>
        <dd>
          <b>{count(sections, "section")}</b> at work × <b>1 ft</b> × <b>{amount(perFoot)} yd³</b> ={" "}
          <strong>{amount(ice)} yd³</strong>
        </dd>
      </div>
      <div>
        <dt>Cost</dt>
        <dd>
          <b>{amount(ice)} yd³</b> × <b>{amount(price)} GD</b> = <strong>{amount(cost)} GD</strong>
        </dd>
      </div>
      <div>
        <dt>By the end of day {amount(day)}</dt>
        <dd>
          <strong>{amount(soFar)} GD</strong>
        </dd>
      </div>
    </dl>
  );
}
