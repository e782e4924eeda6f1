/** The lag of each edge over the last two minutes, a value for each second. */

import { signal } from "@preact/signals";
import { listen } from "../live";

const SECONDS = 120;

export const history = signal<ReadonlyMap<string, readonly number[]>>(new Map());

listen("pipeline", ({ edges }) => {
  const before = history.peek();
  history.value = new Map(
    edges.map(({ topic, stage, lag }) => {
      const edge = `${topic} ${stage}`;
      return [edge, [...(before.get(edge) ?? []), lag].slice(-SECONDS)];
    }),
  );
});
