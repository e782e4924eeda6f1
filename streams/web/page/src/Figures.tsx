/** The numbers of the day, large enough to be read across a room. */

import { lastDay, progress as progressOfDay, shownDay, timeline, wall } from "./data";
import { amount, percent } from "./format";
import { go } from "./place";

export function Figures() {
  const day = shownDay.value;
  const amounts = timeline.value?.on(day);
  const progress = progressOfDay.value?.wall;
  const totals = wall.value;
  const explain = () => go({ show: "explain" });
  return (
    <dl class="figures">
      <div>
        <dt>Day</dt>
        <dd>
          <span class="big">{amount(day)}</span> of {amount(lastDay.value)}
        </dd>
      </div>
      <div class="at-work">
        <dt>Sections at work</dt>
        <dd>
          <span class="big">{amounts ? amount(amounts.atWork) : "–"}</span>
          {progress && ` of ${amount(progress.sections)}`}
        </dd>
      </div>
      <div>
        <dt>Finished</dt>
        <dd>
          <span class="big">{progress ? amount(progress.finished) : "–"}</span>
          {progress && ` · ${percent(progress.built, progress.toBuild)} of the feet`}
        </dd>
      </div>
      <div>
        <dt>Ice of the day</dt>
        <dd>
          <button type="button" class="plain number big" onClick={explain}>
            {amounts ? amount(amounts.ice) : "–"}
          </button>{" "}
          yd³
        </dd>
      </div>
      <div class="cost">
        <dt>Cost so far</dt>
        <dd>
          <button type="button" class="plain number big" onClick={explain}>
            {amounts ? amount(amounts.costSoFar) : "–"}
          </button>
          {totals && ` of ${amount(totals.cost)} GD`}
        </dd>
      </div>
    </dl>
  );
}
