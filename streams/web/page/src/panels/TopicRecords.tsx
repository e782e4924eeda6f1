/** What is on a topic: its records, newest first, decoded, and their schema. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { get, type Schemas } from "../api/client";
import { amount, count, moment } from "../format";
import { Loadable } from "../load";
import { Dialog } from "../parts/Dialog";
import { Empty, Shown } from "../parts/Trouble";

const topics = new Loadable<Schemas["TopicList"]>();
const records = new Loadable<Schemas["TopicRecords"]>();

export function TopicRecords({ topic }: { topic: string }) {
  const partition = useSignal("");
  const key = useSignal("");
  const load = (after = "") => {
    const before = after ? (records.state.peek().value?.records ?? []) : [];
    if (!after) records.clear();
    const query = {
      partition: partition.value ? Number(partition.value) : null,
      key: key.value || null,
      after,
      limit: 50,
    };
    records.load(async (signal) => {
      const page = await get("/api/topics/{topic}", { path: { topic }, query }, signal);
      return { ...page, records: [...before, ...page.records] };
    });
  };
  // Asked anew for another choice
  useEffect(() => {
    const timer = window.setTimeout(load, key.value ? 300 : 0);
    return () => window.clearTimeout(timer);
  }, [topic, partition.value, key.value]);
  useEffect(() => {
    topics.load((signal) => get("/api/topics", {}, signal));
  }, []);
  const about = topics.value?.topics.find((one) => one.topic === topic);
  return (
    <Dialog title={topic}>
      {about && <About topic={about} />}
      <div class="bar">
        <label>
          <span class="label">Partition</span>
          <select
            value={partition.value}
            onChange={(event) => {
              partition.value = event.currentTarget.value;
            }}
          >
            <option value="">all</option>
            {about?.partitions.map(({ partition }) => (
              <option key={partition}>{partition}</option>
            ))}
          </select>
        </label>
        <label class="grow">
          <span class="label">Key</span>
          <input
            type="text"
            value={key.value}
            placeholder={about?.key}
            onInput={(event) => {
              key.value = event.currentTarget.value;
            }}
          />
        </label>
      </div>
      <Shown of={records}>
        {({ records: found, next, scanned }) => (
          <>
            {found.length === 0 && (
              <Empty>No such record among {amount(scanned)} on the topic.</Empty>
            )}
            <ol class="records">
              {found.map((record) => (
                <li key={`${record.partition}/${record.offset}`}>
                  <p>
                    <strong>{record.key ?? "no key"}</strong>{" "}
                    <span class="soft">
                      {record.record ?? (record.problem ? "" : "tombstone")} · partition{" "}
                      {record.partition} offset {record.offset}
                      {record.time !== null && ` · ${moment(record.time)}`}
                    </span>
                  </p>
                  {record.problem && <p class="bad">{record.problem}</p>}
                  {record.value && <pre>{fieldsOf(record.value)}</pre>}
                </li>
              ))}
            </ol>
            {next !== null && (
              <button type="button" onClick={() => load(next)}>
                Older records
              </button>
            )}
          </>
        )}
      </Shown>
    </Dialog>
  );
}

function About({ topic }: { topic: Schemas["TopicInfo"] }) {
  const held = topic.partitions.reduce((sum, one) => sum + one.end_offset - one.first_offset, 0);
  return (
    <>
      <p class="note">
        {topic.about}. Key: {topic.key}. {topic.cleanup},{" "}
        {count(topic.partitions.length, "partition")}, {amount(held)} offsets held.
      </p>
      {topic.schemas.map(({ record, subject, avro }) => (
        <details key={subject}>
          <summary>
            Schema of {record} <span class="soft">{subject}</span>
          </summary>
          <pre>{JSON.stringify(avro, null, 1)}</pre>
        </details>
      ))}
    </>
  );
}

/** The fields of a record on a line, as far as that goes. */
function fieldsOf(value: Record<string, unknown>): string {
  const text = JSON.stringify(value, null, 1).replaceAll(/\n\s*/g, " ");
  return text.length > 2000 ? `${text.slice(0, 2000)} …` : text;
}
