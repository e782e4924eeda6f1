/** What is below the picture, one at a time. */

import type { ComponentType } from "preact";
import { wallId } from "../data";
import { Empty } from "../parts/Trouble";
import { go, place, type Tab } from "../place";
import { Crews } from "./Crews";
import { DeadLetters } from "./DeadLetters";
import { unseen } from "./deadletters";
import { Events } from "./Events";
import { Pipeline } from "./Pipeline";
import { Profiles } from "./Profiles";
import { Submit } from "./Submit";

/** Those of a wall have nothing to show without one. */
const OF_A_WALL: ReadonlySet<Tab> = new Set(["profiles", "events", "crews"]);

const PANELS: { tab: Tab; title: string; Panel: ComponentType }[] = [
  { tab: "profiles", title: "Profiles", Panel: Profiles },
  { tab: "events", title: "Events", Panel: Events },
  { tab: "crews", title: "Crews", Panel: Crews },
  { tab: "deadletters", title: "Dead letters", Panel: DeadLetters },
  { tab: "pipeline", title: "Pipeline", Panel: Pipeline },
  { tab: "submit", title: "Submit", Panel: Submit },
];

export function Tabs() {
  const shown = PANELS.find(({ tab }) => tab === place.value.tab) ?? PANELS[0];
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !shown) return;
    const at = (PANELS.indexOf(shown) + step + PANELS.length) % PANELS.length;
    go({ tab: (PANELS[at] as { tab: Tab }).tab });
    document.getElementById(`tab-${PANELS[at]?.tab}`)?.focus();
  };
  if (!shown) return null;
  return (
    <section class="tabs" id="tabs" aria-label="More of the wall">
      <div role="tablist" aria-label="More of the wall" onKeyDown={onKey}>
        {PANELS.map(({ tab, title }) => (
          <button
            key={tab}
            type="button"
            role="tab"
            id={`tab-${tab}`}
            aria-selected={tab === shown.tab}
            aria-controls="panel"
            tabIndex={tab === shown.tab ? 0 : -1}
            onClick={() => go({ tab })}
          >
            {title}
            {tab === "deadletters" && unseen.value > 0 && <span class="badge">{unseen.value}</span>}
          </button>
        ))}
      </div>
      <div role="tabpanel" id="panel" aria-labelledby={`tab-${shown.tab}`} tabIndex={-1}>
        {wallId.value || !OF_A_WALL.has(shown.tab) ? (
          <shown.Panel />
        ) : (
          <Empty>There is nothing to show before there is a wall.</Empty>
        )}
      </div>
    </section>
  );
}
