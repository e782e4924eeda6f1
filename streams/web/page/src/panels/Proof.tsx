/** The published rows of the wall beside what the domain computes: their digests, and what differs. */

import { useEffect } from "preact/hooks";
import { get, type Schemas } from "../api/client";
import { wallId } from "../data";
import { count } from "../format";
import { Loadable } from "../load";
import { Dialog } from "../parts/Dialog";
import { Shown } from "../parts/Trouble";

const proof = new Loadable<Schemas["Proof"]>();

export function Proof() {
  useEffect(() => {
    proof.clear();
    const path = { wall: wallId.value };
    proof.load((signal) => get("/api/walls/{wall}/proof", { path }, signal));
  }, [wallId.value]);
  return (
    <Dialog title={`Proof of ${wallId.value}`}>
      <p class="note">
        Every published row of the wall is read from its topic and compared with what the domain
        computes from the events as submitted.
      </p>
      <Shown of={proof}>
        {({ equal, rows, published, computed, differences }) => (
          <>
            <p class={`proof ${equal ? "equal" : "differs"}`} role="status">
              {equal
                ? `Equal: ${count(rows, "row")} are what they have to be.`
                : `Not equal: ${count(differences.length, "difference")} shown below.`}
            </p>
            <dl class="digests">
              <dt>Rows on the topics</dt>
              <dd>
                <code>{published}</code>
              </dd>
              <dt>Computed by the domain</dt>
              <dd>
                <code>{computed}</code>
              </dd>
            </dl>
            <ul class="bad">
              {differences.map((difference) => (
                <li key={difference}>{difference}</li>
              ))}
            </ul>
          </>
        )}
      </Shown>
    </Dialog>
  );
}
