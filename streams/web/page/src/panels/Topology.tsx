/** Stages, topics and tables, and what goes from one to the other. */

import type { Schemas } from "../api/client";
import { amount, count } from "../format";
import { go } from "../place";
import { type Arrow, type Node, topologyOf } from "./topology";

interface Shown {
  shown: Schemas["Pipeline"];
  /** Topics that an event has reached; the others step back. None: all are alike. */
  lit?: readonly string[];
}

export function Topology({ shown, lit }: Shown) {
  const { nodes, arrows, width, height } = topologyOf(shown.stages);
  const topics = new Map(shown.topics.map((topic) => [topic.topic, topic]));
  const lag = new Map(shown.edges.map((edge) => [`${edge.topic} ${edge.stage}`, edge.lag]));
  const reached = new Set(lit ?? []);
  return (
    <div class="scroll">
      <svg
        class={`topology ${lit ? "way-of" : ""}`}
        viewBox={`0 0 ${width} ${height}`}
        style={{ minWidth: `${width * 0.7}px` }}
        role="group"
        aria-label="Stages and topics"
      >
        {arrows.map((arrow) => (
          <Edge
            key={`${arrow.from.name} ${arrow.to.name}`}
            arrow={arrow}
            lag={lit ? 0 : (lag.get(`${arrow.topic} ${arrow.reader}`) ?? 0)}
            busy={lit ? reached.has(arrow.topic) : (topics.get(arrow.topic)?.rate_per_s ?? 0) > 0}
          />
        ))}
        {nodes.map((node) =>
          node.kind === "stage" ? (
            <Stage key={node.name} node={node} stages={shown.stages} />
          ) : (
            <Topic
              key={node.name}
              node={node}
              rate={topics.get(node.name)}
              lit={reached.has(node.name)}
            />
          ),
        )}
      </svg>
    </div>
  );
}

const HALF_STAGE_PX = 46;
const HALF_TOPIC_PX = 50;

function Edge({ arrow, lag, busy }: { arrow: Arrow; lag: number; busy: boolean }) {
  const { from, to } = arrow;
  const half = (node: Node) => (node.kind === "stage" ? HALF_STAGE_PX : HALF_TOPIC_PX);
  const [x1, x2] = [from.x + half(from), to.x - half(to)];
  return (
    <g class={`edge ${busy ? "busy" : ""} ${lag > 0 ? "behind" : ""}`}>
      <path d={pathOf(arrow, x1, x2)} />
      {lag > 0 && (
        <text x={(x1 + x2) / 2} y={(from.y + to.y) / 2 - 8}>
          {amount(lag)} waiting
        </text>
      )}
    </g>
  );
}

/** Straight to the next column; around what stands between, where that is farther away. */
function pathOf({ from, to, detour }: Arrow, x1: number, x2: number): string {
  const bend = 24;
  if (detour === null) {
    const half = (x2 - x1) / 2;
    return `M${x1} ${from.y}C${x1 + half} ${from.y} ${x2 - half} ${to.y} ${x2} ${to.y}`;
  }
  const out = `M${x1} ${from.y}C${x1 + bend} ${from.y} ${x1} ${detour} ${x1 + bend} ${detour}`;
  return `${out}L${x2 - bend} ${detour}C${x2} ${detour} ${x2 - bend} ${to.y} ${x2} ${to.y}`;
}

function Stage({ node, stages }: { node: Node; stages: Schemas["Stage"][] }) {
  const stage = stages.find(({ stage }) => stage === node.name);
  return (
    <>
      <g class="stage">
        <title>{stage?.about}</title>
        <rect
          x={node.x - HALF_STAGE_PX}
          y={node.y - 20}
          width={2 * HALF_STAGE_PX}
          height="40"
          rx="6"
        />
        <text x={node.x} y={node.y + 5}>
          {node.name}
        </text>
      </g>
      {stage && (
        <Link label={`Table of ${node.name}`} topic={stage.changelog} kind="table">
          <rect x={node.x - 24} y={node.y + 25} width="48" height="18" rx="3" />
          <text x={node.x} y={node.y + 38}>
            table
          </text>
        </Link>
      )}
    </>
  );
}

function Topic(props: { node: Node; rate: Schemas["TopicRate"] | undefined; lit: boolean }) {
  const { node, rate, lit } = props;
  // The prefix is the same for all of them.
  const name = node.name.slice(node.name.indexOf(".") + 1);
  return (
    <Link
      label={`Topic ${node.name}, ${count(rate?.end ?? 0, "record")}`}
      topic={node.name}
      kind={`topic ${lit ? "lit" : ""}`}
    >
      <rect
        x={node.x - HALF_TOPIC_PX}
        y={node.y - 18}
        width={2 * HALF_TOPIC_PX}
        height="36"
        rx="18"
      />
      <text x={node.x} y={node.y - 1}>
        {name}
      </text>
      <text class="rate" x={node.x} y={node.y + 12}>
        {rate && rate.rate_per_s > 0 ? `${amount(rate.rate_per_s)}/s` : amount(rate?.end ?? 0)}
      </text>
    </Link>
  );
}

function Link(props: {
  label: string;
  topic: string;
  kind: string;
  children: preact.ComponentChildren;
}) {
  const open = () => go({ show: `topic:${props.topic}` });
  return (
    <g
      class={`link ${props.kind}`}
      role="button"
      tabIndex={0}
      aria-label={props.label}
      onClick={open}
      onKeyDown={(event) => (event.key === "Enter" || event.key === " ") && open()}
    >
      {props.children}
    </g>
  );
}
