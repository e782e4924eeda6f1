/** The pipeline at work: stages, topics and tables, with rate and lag on each edge. */

import { useEffect } from "preact/hooks";
import { get, type Schemas } from "../api/client";
import { ago, amount, count } from "../format";
import { pipeline } from "../live";
import { Loadable } from "../load";
import { Empty, Trouble } from "../parts/Trouble";
import { history } from "./history";
import { Topology } from "./Topology";

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
          <Topology shown={shown} />
          <div class="halves">
            <div class="scroll">
              <Edges edges={shown.edges} />
            </div>
            <div class="scroll">
              <Members members={shown.members} />
            </div>
          </div>
        </>
      )}
    </>
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
