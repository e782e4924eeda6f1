/** The page from top to bottom. */

import { awaited, picture, timeline, wall, wallId, walls } from "./data";
import { Figures } from "./Figures";
import { Header } from "./Header";
import { pipeline } from "./live";
import { Explain } from "./panels/Explain";
import { Proof } from "./panels/Proof";
import { Tabs } from "./panels/Tabs";
import { TopicRecords } from "./panels/TopicRecords";
import { Walls } from "./panels/Walls";
import { Way } from "./panels/Way";
import { Empty, Trouble } from "./parts/Trouble";
import { go, place } from "./place";
import { Plots } from "./plots/Plots";
import { WhatIf } from "./plots/WhatIf";
import { Clock } from "./wall/Clock";
import { DayInWords } from "./wall/DayInWords";
import { Transport } from "./wall/Transport";
import { WallPicture } from "./wall/WallPicture";

export function App() {
  return (
    <>
      <a class="skip" href="#tabs">
        Skip the picture
      </a>
      <Header />
      <main>
        <Trouble problem={walls.state.value.problem} />
        {wallId.value ? <Wall /> : walls.value && <NoWall />}
        <Tabs />
      </main>
      <Opened />
    </>
  );
}

function Wall() {
  const problems = [wall, picture, timeline].map((known) => known.state.value.problem);
  const problem = problems.find((one) => one !== null) ?? null;
  if (awaited.value === wallId.value) return <Awaited />;
  return (
    <section class="wall" aria-label="The build">
      <Trouble problem={problem} />
      {!(problem?.status === 404) && (
        <>
          <Figures />
          <WallPicture />
          <DayInWords />
          <Transport />
          <Clock />
          <Plots />
          <WhatIf />
        </>
      )}
    </section>
  );
}

function Awaited() {
  const workers = pipeline.value?.members.length ?? 0;
  return (
    <section class="wall nothing" aria-label="The build">
      <h2>{awaited.value} is submitted</h2>
      <Empty>
        {workers > 0
          ? "It is shown as soon as a worker has taken it up."
          : "Its events are safe on their topics, and wait: no worker runs just now."}
      </Empty>
    </section>
  );
}

function NoWall() {
  return (
    <section class="wall nothing" aria-label="No wall yet">
      <h2>There is no wall yet</h2>
      <Empty>Write down the heights of its sections, and watch it being built.</Empty>
      <button type="button" class="main" onClick={() => go({ tab: "submit" })}>
        Submit a wall
      </button>
    </section>
  );
}

/** What is open over the page, as the address says it. */
function Opened() {
  const [what, at = ""] = place.value.show.split(/:(.*)/s);
  switch (what) {
    case "walls":
      return <Walls />;
    case "explain":
      return wallId.value && <Explain />;
    case "proof":
      return wallId.value && <Proof />;
    case "way":
      return <Way at={at} />;
    case "topic":
      return <TopicRecords topic={at} />;
    default:
      return null;
  }
}
