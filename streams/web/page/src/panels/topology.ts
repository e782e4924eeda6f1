/** Where the stages and topics of the pipeline stand on its picture. */

import type { Schemas } from "../api/client";

export interface Node {
  kind: "topic" | "stage";
  name: string;
  x: number;
  y: number;
}

export interface Arrow {
  from: Node;
  to: Node;
  topic: string;
  /** The stage that reads, where the arrow is one of reading. */
  reader: string | null;
  /** Height at which the arrow passes what stands between; null if nothing does. */
  detour: number | null;
}

export interface Topology {
  nodes: Node[];
  arrows: Arrow[];
  width: number;
  height: number;
}

export const COLUMN_PX = 128;
export const ROW_PX = 66;
const MARGIN_PX = 64;

/**
 * Lay stages and topics out in columns, in the order in which an event passes them: each stage is
 * one column behind the last topic that it reads, each topic one behind the last stage that writes
 * it, and one that nobody writes right before its first reader. The way of events has no circle, so
 * that every column is known after as many rounds.
 */
export function topologyOf(stages: readonly Schemas["Stage"][]): Topology {
  const column = new Map<string, number>();
  for (let round = 0; round < 2 * stages.length + 2; round++) {
    for (const { stage, reads, writes } of stages) {
      const at = Math.max(...reads.map((topic) => column.get(topic) ?? 0)) + 1;
      column.set(`stage ${stage}`, at);
      for (const topic of reads) column.set(topic, column.get(topic) ?? 0);
      for (const topic of writes) column.set(topic, Math.max(column.get(topic) ?? 0, at + 1));
    }
  }
  const written = new Set(stages.flatMap(({ writes }) => writes));
  for (const topic of new Set(stages.flatMap(({ reads }) => reads))) {
    const readers = stages.filter(({ reads }) => reads.includes(topic));
    const first = Math.min(...readers.map(({ stage }) => column.get(`stage ${stage}`) ?? 1));
    if (!written.has(topic)) column.set(topic, first - 1);
  }
  const stageNames = new Set(stages.map(({ stage }) => `stage ${stage}`));
  const read = new Set(stages.flatMap(({ reads }) => reads));
  const columns: string[][] = [];
  for (const [name, at] of column) {
    columns[at] ??= [];
    columns[at]?.push(name);
  }
  const nodes = new Map<string, Node>();
  const highest = Math.max(1, ...columns.map((names) => names?.length ?? 0));
  columns.forEach((names, at) => {
    // What is read on is in the middle, what only goes out is around it.
    const inOrder = [...names].sort(
      (one, other) => Number(read.has(other)) - Number(read.has(one)),
    );
    inOrder.forEach((name, row) => {
      const side = row % 2 ? -Math.ceil(row / 2) : row / 2;
      const middle = Math.floor(highest / 2) * ROW_PX;
      nodes.set(name, {
        kind: stageNames.has(name) ? "stage" : "topic",
        name: name.replace(/^stage /, ""),
        x: MARGIN_PX + at * COLUMN_PX,
        y: MARGIN_PX / 2 + middle + side * ROW_PX,
      });
    });
  });
  const node = (name: string) => nodes.get(name) as Node;
  const arrow = (from: Node, to: Node, topic: string, reader: string | null): Arrow => {
    const isNext = to.x - from.x <= COLUMN_PX;
    // Half-way to the next row there is nobody in the way.
    const aside = to.y === from.y ? from.y + ROW_PX / 2 + 2 : to.y;
    return { from, to, topic, reader, detour: isNext ? null : aside };
  };
  const arrows = stages.flatMap(({ stage, reads, writes }) => [
    ...reads.map((topic) => arrow(node(topic), node(`stage ${stage}`), topic, stage)),
    ...writes.map((topic) => arrow(node(`stage ${stage}`), node(topic), topic, null)),
  ]);
  return {
    nodes: [...nodes.values()],
    arrows,
    width: MARGIN_PX * 2 + (columns.length - 1) * COLUMN_PX,
    height: MARGIN_PX + (highest - 1) * ROW_PX,
  };
}
