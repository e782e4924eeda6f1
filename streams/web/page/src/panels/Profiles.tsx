/** The profiles of the wall, each with its totals and how far it is on the day shown. */

import { lastDay, picture, restingDay, shownDay, wall } from "../data";
import { amount, percent } from "../format";
import { go, place } from "../place";
import { progressOn } from "../wall/picture";

/** More rows than anybody reads; a profile beyond them is found on the picture. */
const MOST_ROWS = 200;

export function Profiles() {
  const totals = wall.value?.profiles ?? [];
  const spans = new Map(picture.value?.profiles.map((span) => [span.number, span]));
  const chosen = place.value.profile;
  const rows = totals.filter(({ profile }, at) => at < MOST_ROWS || profile === chosen);
  return (
    <>
      <div class="scroll">
        <table class="profiles">
          <thead>
            <tr>
              <th scope="col">Profile</th>
              <th scope="col" class="amount">
                Sections
              </th>
              <th scope="col" class="amount">
                At work
              </th>
              <th scope="col">Built by day {amount(restingDay.value)}</th>
              <th scope="col" class="amount">
                Days
              </th>
              <th scope="col" class="amount">
                Ice, yd³
              </th>
              <th scope="col" class="amount">
                Cost, GD
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => {
              const span = spans.get(row.profile);
              const progress =
                span &&
                picture.value &&
                progressOn(picture.value, restingDay.value, span.start, span.start + span.sections);
              return (
                <tr key={row.profile} aria-selected={row.profile === chosen}>
                  <th scope="row">
                    <button
                      type="button"
                      class="plain number"
                      onClick={() => go({ profile: row.profile === chosen ? null : row.profile })}
                    >
                      {row.profile}
                    </button>
                    {row.state === "BUILDING" && <span class="tag building">building</span>}
                  </th>
                  <td class="amount">{amount(row.sections)}</td>
                  <td class={`amount ${progress?.atWork ? "at-work" : ""}`}>
                    {progress ? amount(progress.atWork) : "–"}
                  </td>
                  <td>
                    {progress && (
                      <span class="progress">
                        <progress value={progress.built} max={progress.toBuild || 1} />
                        {percent(progress.built, progress.toBuild)}
                      </span>
                    )}
                  </td>
                  <td class="amount">{amount(row.days)}</td>
                  <td class="amount">{amount(row.ice)}</td>
                  <td class="amount">
                    <button
                      type="button"
                      class="plain number"
                      onClick={() =>
                        go({
                          profile: row.profile,
                          show: "explain",
                          day: shownDay.value || lastDay.value,
                        })
                      }
                    >
                      {amount(row.cost)}
                    </button>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
      {rows.length < totals.length && (
        <p class="note">
          The first {amount(rows.length)} of {amount(totals.length)} profiles. Click a profile on
          the picture to see its row.
        </p>
      )}
    </>
  );
}
