/** The way of one event, from its submission to rows, or to the dead letter that it became. */

import { useEffect } from "preact/hooks";
import { get, type Schemas } from "../api/client";
import { wall } from "../data";
import { amount, moment } from "../format";
import { pipeline } from "../live";
import { Loadable } from "../load";
import { Dialog } from "../parts/Dialog";
import { Shown } from "../parts/Trouble";
import { Topology } from "./Topology";

const way = new Loadable<Schemas["Way"]>();

const STATES: Record<Schemas["Way"]["state"], string> = {
  WAITING: "It waits on its topic.",
  BUILDING: "Its plan is being built.",
  COMPLETE: "It is built: the rows are those of this event.",
  REPLACED: "It was built, and a later event has replaced it.",
  DEAD_LETTER: "It could not be processed.",
};

export function Way({ at }: { at: string }) {
  const [topic = "", partition = "", offset = ""] = at.split("/");
  const version = wall.value?.version;
  // Asked anew when the wall goes on
  useEffect(() => {
    const path = { topic, partition: Number(partition), offset: Number(offset) };
    way.load((signal) => get("/api/topics/{topic}/{partition}/{offset}/way", { path }, signal));
  }, [topic, partition, offset, version]);
  return (
    <Dialog title="The way of an event" wide>
      <Shown of={way}>
        {({ state, steps, reason, wall, profile }) => (
          <>
            <p class={`verdict ${state}`}>
              {wall !== null && (
                <strong>
                  Wall {wall}
                  {profile !== null && `, profile ${profile}`}.{" "}
                </strong>
              )}
              {STATES[state]} {reason}
            </p>
            {pipeline.value && (
              <Topology shown={pipeline.value} lit={steps.map(({ topic }) => topic)} />
            )}
            <ol class="way">
              {steps.map((step) => (
                <li key={`${step.topic} ${step.about}`} class={step.count > 0 ? "reached" : ""}>
                  <h3>{step.topic}</h3>
                  <p>
                    {step.about}
                    {step.count > 1 && ` (${amount(step.count)} records)`}
                  </p>
                  {step.partition != null && (
                    <p class="soft">
                      partition {step.partition}
                      {step.offset != null && ` offset ${step.offset}`}
                      {step.time != null && ` · ${moment(step.time)}`}
                    </p>
                  )}
                </li>
              ))}
            </ol>
          </>
        )}
      </Shown>
    </Dialog>
  );
}
