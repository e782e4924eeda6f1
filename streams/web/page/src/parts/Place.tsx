/** Where a record stands, as Kafka says it; a click shows its way. */

import { go } from "../place";

export interface At {
  topic: string;
  partition: number;
  offset: number;
}

export function Place({ topic, partition, offset }: At) {
  return (
    <button
      type="button"
      class="plain number at"
      title="Show the way of this event"
      onClick={() => go({ show: `way:${topic}/${partition}/${offset}` })}
    >
      {topic} <span class="soft">partition</span> {partition} <span class="soft">offset</span>{" "}
      {offset}
    </button>
  );
}
