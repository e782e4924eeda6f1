/** Records that could not be processed: why, their bytes, and the way back. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, type Schemas } from "../api/client";
import { amount, count, moment } from "../format";
import { Loadable } from "../load";
import { Place } from "../parts/Place";
import { Empty, Shown } from "../parts/Trouble";
import {
  fromBase64,
  hexDump,
  idOf,
  type Letter,
  letters,
  loadLetters,
  resubmit,
  resubmitted,
  unseen,
} from "./deadletters";

const detail = new Loadable<Schemas["DeadLetterDetail"]>();

export function DeadLetters() {
  const open = useSignal("");
  const reason = useSignal("");
  useEffect(() => loadLetters(), []);
  useEffect(() => {
    unseen.value = 0;
  }, [unseen.value]);
  const inspect = (letter: Letter) => {
    const { partition, offset } = letter;
    const same = open.value === idOf(letter);
    open.value = same ? "" : idOf(letter);
    detail.clear();
    const path = { partition, offset };
    if (!same)
      detail.load((signal) => get("/api/deadletters/{partition}/{offset}", { path }, signal));
  };
  return (
    <Shown of={letters}>
      {({ letters: all, next }) => {
        const reasons = [...new Set(all.map((letter) => letter.reason))].sort();
        const chosen = all.filter((letter) => !reason.value || letter.reason === reason.value);
        const ready = chosen.filter(
          (letter) => letter.resubmittable && !resubmitted.value.has(idOf(letter)),
        );
        if (all.length === 0) {
          return (
            <Empty>No dead letters. What can't be processed would be kept here, untouched.</Empty>
          );
        }
        return (
          <>
            <div class="bar">
              <label class="grow">
                <span class="label">Reason</span>
                <select
                  value={reason.value}
                  onChange={(event) => {
                    reason.value = event.currentTarget.value;
                  }}
                >
                  <option value="">all</option>
                  {reasons.map((one) => (
                    <option key={one} value={one}>
                      {one}
                    </option>
                  ))}
                </select>
              </label>
              {ready.length > 1 && (
                <button type="button" onClick={() => ready.forEach(resubmit)}>
                  Resubmit all {amount(ready.length)}
                </button>
              )}
            </div>
            <ul class="letters">
              {chosen.map((letter) => (
                <li key={idOf(letter)}>
                  <div class="letter">
                    <p class="reason">{letter.reason}</p>
                    <p class="soft">
                      {letter.time !== null && `${moment(letter.time)} · `}
                      from <Place {...letter.source} isInput={letter.resubmittable} />
                      {letter.key !== null && ` · key ${letter.key}`} · {size(letter.value_bytes)}
                      {letter.resubmission_of && ` · resubmission of ${letter.resubmission_of}`}
                    </p>
                    <p class="outcome" role="status">
                      {resubmitted.value.get(idOf(letter))}
                    </p>
                  </div>
                  <div class="acts">
                    <button
                      type="button"
                      aria-expanded={open.value === idOf(letter)}
                      onClick={() => inspect(letter)}
                    >
                      Inspect
                    </button>
                    <button
                      type="button"
                      disabled={!letter.resubmittable || resubmitted.value.has(idOf(letter))}
                      title={letter.resubmittable ? "" : "It does not come from an input topic"}
                      onClick={() => resubmit(letter)}
                    >
                      Resubmit
                    </button>
                  </div>
                  {open.value === idOf(letter) && (
                    <Shown of={detail}>{(letter) => <Bytes letter={letter} />}</Shown>
                  )}
                </li>
              ))}
            </ul>
            {next !== null && (
              <button type="button" onClick={() => loadLetters(next)}>
                Older dead letters
              </button>
            )}
          </>
        );
      }}
    </Shown>
  );
}

function size(bytes: number | null): string {
  return bytes === null ? "tombstone" : count(bytes, "byte");
}

function Bytes({ letter }: { letter: Schemas["DeadLetterDetail"] }) {
  return (
    <dl class="bytes-of">
      {letter.decoded && (
        <>
          <dt>Decoded as {letter.record}</dt>
          <dd>
            <pre>{JSON.stringify(letter.decoded, null, 1)}</pre>
          </dd>
        </>
      )}
      <dt>Value</dt>
      <dd>
        <pre>
          {letter.value_base64 === null ? "null" : hexDump(fromBase64(letter.value_base64))}
        </pre>
      </dd>
      {letter.headers.length > 0 && (
        <>
          <dt>Headers</dt>
          {letter.headers.map(({ name, value }) => (
            <dd key={name}>
              <code>{name}</code>{" "}
              <code>{value === null ? "null" : new TextDecoder().decode(fromBase64(value))}</code>
            </dd>
          ))}
        </>
      )}
    </dl>
  );
}
