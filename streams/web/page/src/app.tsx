/** The page from top to bottom. */

import { picture, wall, wallId, walls } from "./data";
import { Figures } from "./Figures";
import { Header } from "./Header";
import { Tabs } from "./panels/Tabs";
import { Plots } from "./plots/Plots";
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
        <Trouble />
        {wallId.value && <Wall />}
        <Tabs />
      </main>
    </>
  );
}

function Wall() {
  return (
    <section class="wall" aria-label="The build">
      <Figures />
      <WallPicture />
      <Legend />
      <DayInWords />
      <Transport />
      <Plots />
    </section>
  );
}

function Legend() {
  return (
    <ul class="legend" aria-label="Colours">
      <li class="stone">stood before day 1</li>
      <li class="ice">built of {wall.value?.material ?? "ice"}</li>
      <li class="work">at work</li>
      <li class="ghost">to build</li>
    </ul>
  );
}

function Trouble() {
  const problem =
    walls.state.value.problem ?? wall.state.value.problem ?? picture.state.value.problem;
  return (
    problem && (
      <p class="trouble" role="alert">
        {problem.detail}
      </p>
    )
  );
}
