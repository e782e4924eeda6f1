/** The pipeline at work: stages, topics and tables, with rate and lag on each edge. */

import { useEffect } from "preact/hooks";
import { get, type Schemas } from "../api/client";
import { ago, amount, count } from "../format";
import { pipeline } from "../live";
import { Loadable } from "../load";
import { Empty, Trouble } from "../parts/Trouble";
import { go } from "../place";
import { history } from "./history";
import { type Arrow, type Node, topologyOf } from "./topology";

const first = new Loadable<Schemas["Pipeline"]>();

export function Pipeline() {
  useEffect(() => {
    first.load((signal) => get("/api/pipeline", {}, signal));
  }, []);
  const shown = pipeline.value ?? first.value;
  return (
    <>
      <Trouble problem={first.state.value.problem} />
      {shown && (
        <>
          <p class="note">
            Group <strong>{shown.group}</strong> is {shown.state.toLowerCase()} with{" "}
            {count(shown.members.length, "worker")}; application version {shown.version};{" "}
            {shown.lag === 0 ? "nothing is waiting" : `${count(shown.lag, "record")} waiting`}.
          </p>
          {shown.members.length === 0 && (
            <Empty>No worker runs. What is submitted waits on its topic: `thewall worker`.</Empty>
          )}
          <div class="scroll">
            <Picture shown={shown} />
          </div>
          <div class="halves">
            <Edges edges={shown.edges} />
            <Members members={shown.members} />
          </div>
        </>
      )}
    </>
  );
}

function Picture({ shown }: { shown: Schemas["Pipeline"] }) {
  const { nodes, arrows, width, height } = topologyOf(shown.stages);
  const rate = new Map(shown.topics.map((topic) => [topic.topic, topic]));
  const lag = new Map(shown.edges.map((edge) => [`${edge.topic} ${edge.stage}`, edge.lag]));
  return (
    <svg
      class="topology"
      viewBox={`0 0 ${width} ${height}`}
      style={{ minWidth: `${width * 0.8}px` }}
      role="group"
      aria-label="Stages and topics"
    >
      {arrows.map((arrow) => (
        <Edge
          key={`${arrow.from.name} ${arrow.to.name}`}
          arrow={arrow}
          lag={lag.get(`${arrow.topic} ${arrow.reader}`) ?? 0}
          busy={(rate.get(arrow.topic)?.rate_per_s ?? 0) > 0}
        />
      ))}
      {nodes.map((node) =>
        node.kind === "stage" ? (
          <Stage
            key={node.name}
            node={node}
            stage={shown.stages.find(({ stage }) => stage === node.name)}
          />
        ) : (
          <Topic key={node.name} node={node} rate={rate.get(node.name)} />
        ),
      )}
    </svg>
  );
}

function Edge({ arrow, lag, busy }: { arrow: Arrow; lag: number; busy: boolean }) {
  const { from, to } = arrow;
  const [x1, x2] = [from.x + 46, to.x - 46];
  const bend = (x2 - x1) / 2;
  return (
    <g class={`edge ${busy ? "busy" : ""} ${lag > 0 ? "behind" : ""}`}>
      <path d={`M${x1} ${from.y}C${x1 + bend} ${from.y} ${x2 - bend} ${to.y} ${x2} ${to.y}`} />
      {lag > 0 && (
        <text x={(x1 + x2) / 2} y={(from.y + to.y) / 2 - 6}>
          {amount(lag)} waiting
        </text>
      )}
    </g>
  );
}

function Stage({ node, stage }: { node: Node; stage: Schemas["Stage"] | undefined }) {
  return (
    <g class="stage">
      <title>{stage?.about}</title>
      <rect x={node.x - 46} y={node.y - 20} width="92" height="40" rx="6" />
      <text x={node.x} y={node.y + 5}>
        {node.name}
      </text>
    </g>
  );
}

function Topic({ node, rate }: { node: Node; rate: Schemas["TopicRate"] | undefined }) {
  const name = node.name.split(".").slice(1).join(".") || node.name;
  const open = () => go({ show: `topic:${node.name}` });
  return (
    // SVG has no button of its own.
    <g
      class="topic"
      role="button"
      tabIndex={0}
      aria-label={`Topic ${node.name}, ${count(rate?.end ?? 0, "record")}`}
      onClick={open}
      onKeyDown={(event) => event.key === "Enter" && open()}
    >
      <rect x={node.x - 50} y={node.y - 18} width="100" height="36" rx="18" />
      <text x={node.x} y={node.y - 1}>
        {name}
      </text>
      <text class="rate" x={node.x} y={node.y + 12}>
        {rate && rate.rate_per_s > 0 ? `${amount(rate.rate_per_s)}/s` : amount(rate?.end ?? 0)}
      </text>
    </g>
  );
}

function Edges({ edges }: { edges: Schemas["Edge"][] }) {
  return (
    <table>
      <caption class="spoken">What each stage has still to read</caption>
      <thead>
        <tr>
          <th scope="col">Stage reads</th>
          <th scope="col" class="amount">
            Waiting
          </th>
          <th scope="col" class="amount">
            For
          </th>
          <th scope="col">Last 2 minutes</th>
        </tr>
      </thead>
      <tbody>
        {edges.map(({ topic, stage, lag, lag_s }) => (
          <tr key={`${stage} ${topic}`}>
            <th scope="row">
              {stage} <span class="soft">{topic}</span>
            </th>
            <td class={`amount ${lag > 0 ? "at-work" : ""}`}>{amount(lag)}</td>
            <td class="amount">{lag_s === null || lag === 0 ? "–" : ago(lag_s * 1000)}</td>
            <td>
              <Spark values={history.value.get(`${topic} ${stage}`) ?? []} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Spark({ values }: { values: readonly number[] }) {
  const most = Math.max(1, ...values);
  const points = values.map((value, at) => `${at},${22 - (20 * value) / most}`).join(" ");
  return (
    <svg class="spark" viewBox="0 0 120 24" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points} />
    </svg>
  );
}

function Members({ members }: { members: Schemas["Member"][] }) {
  return (
    <table>
      <caption class="spoken">Workers</caption>
      <thead>
        <tr>
          <th scope="col">Worker</th>
          <th scope="col">Host</th>
          <th scope="col" class="amount">
            Partitions
          </th>
        </tr>
      </thead>
      <tbody>
        {members.map(({ member, host, partitions }) => (
          <tr key={member}>
            <th scope="row" class="clip">
              {member}
            </th>
            <td>{host}</td>
            <td class="amount">{partitions}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
