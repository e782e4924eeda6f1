/** Where a record stands, as Kafka says it. A click shows its way, or what else is on its topic. */

import { go } from "../place";

export interface At {
  topic: string;
  partition: number;
  offset: number;
  /** Whether it was submitted there: then it has a way. */
  isInput?: boolean;
}

export function Place({ topic, partition, offset, isInput = false }: At) {
  const show = isInput ? `way:${topic}/${partition}/${offset}` : `topic:${topic}`;
  return (
    <button
      type="button"
      class="plain number at"
      title={isInput ? "Show the way of this event" : "Show the topic"}
      onClick={() => go({ show })}
    >
      {topic} <span class="soft">partition</span> {partition} <span class="soft">offset</span>{" "}
      {offset}
    </button>
  );
}
