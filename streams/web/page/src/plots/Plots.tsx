/** Ice of each day and the cost so far, with the slider's day as their cursor. */

import { effect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { shownDay, timeline } from "../data";
import { short } from "../format";
import { schemeChanged } from "../scheme";
import { plotDays, type Timeline } from "../timeline";
import { readPalette } from "../wall/palette";
import { takeOver } from "../wall/play";
import { ghost } from "./whatif";

export function Plots() {
  return (
    <div class="plots">
      <Plot title="Ice of each day, yd³" stepped amountOf={(line, day) => line.on(day).ice} />
      <Plot title="Cost so far, GD" amountOf={(line, day) => line.on(day).costSoFar} />
    </div>
  );
}

interface PlotProps {
  title: string;
  stepped?: boolean;
  amountOf: (timeline: Timeline, day: number) => number;
}

function Plot({ title, stepped = false, amountOf }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => plotting(box.current as HTMLDivElement, stepped, amountOf), [stepped, amountOf]);
  return (
    <figure class="plot">
      <figcaption>
        <h2>{title}</h2>
      </figcaption>
      <div ref={box} class="plot-box" />
    </figure>
  );
}

const HEIGHT_PX = 150;

/** Keep a plot beside what it shows. Returns how to stop. */
function plotting(
  box: HTMLDivElement,
  stepped: boolean,
  amountOf: PlotProps["amountOf"],
): () => void {
  let palette = readPalette(box);
  const steps = stepped && uPlot.paths.stepped?.({ align: -1 });
  const path = steps ? { paths: steps } : {};
  const line = { width: 2, points: { show: false }, ...path };
  const axis = { stroke: () => palette.inkSoft, font: `500 12px ${palette.font}` };
  const grid = { stroke: () => palette.line, width: 1 };
  // Beside the canvas: it moves with each frame while one slides, and nothing is drawn anew.
  const dayLine = document.createElement("i");
  dayLine.className = "day-line";
  const placeLine = () => {
    dayLine.style.transform = `translateX(${Math.round(plot.valToPos(shownDay.peek(), "x"))}px)`;
  };
  const plot: uPlot = new uPlot(
    {
      width: box.clientWidth || 300,
      height: HEIGHT_PX,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
      scales: { x: { time: false }, y: { range: (_, __, most) => [0, Math.max(most, 1) * 1.08] } },
      axes: [
        { ...axis, grid: { show: false }, ticks: { ...grid, size: 4 }, size: 26, incrs: DAY_STEPS },
        { ...axis, grid, ticks: { show: false }, size: 52, values: (_, ticks) => ticks.map(short) },
      ],
      series: [
        {},
        { ...line, stroke: () => palette.ice, fill: () => palette.veil },
        { ...line, stroke: () => palette.whatIf, dash: [6, 4] },
      ],
      hooks: { draw: [() => placeLine()] },
    },
    [[0], [0], [0]],
    box,
  );
  plot.over.append(dayLine);
  // Until the page's own type is there, a canvas is drawn with another.
  document.fonts.ready.then(() => plot.redraw(false, true));
  const observer = new ResizeObserver(() => {
    plot.setSize({ width: box.clientWidth, height: HEIGHT_PX });
  });
  observer.observe(box);
  const choose = (event: PointerEvent) => {
    if (event.type === "pointermove" && !event.buttons) return;
    takeOver(plot.posToVal(event.clientX - plot.over.getBoundingClientRect().left, "x"));
  };
  plot.over.addEventListener("pointerdown", choose);
  plot.over.addEventListener("pointermove", choose);
  const stops = [
    effect(() => {
      const actual = timeline.value;
      const days = plotDays([actual, ghost.value].filter((line) => line !== null));
      const values = (line: Timeline | null) =>
        days.map((day) => (line ? amountOf(line, day) : null));
      plot.setData([days, values(actual), values(ghost.value)]);
    }),
    effect(() => {
      void shownDay.value;
      placeLine();
    }),
    effect(() => {
      void schemeChanged.value;
      palette = readPalette(box);
      plot.redraw(false, true);
    }),
  ];
  return () => {
    for (const stop of stops) stop();
    observer.disconnect();
    plot.destroy();
  };
}

/** Days have no fractions. */
const DAY_STEPS = [1, 10, 100, 1e3, 1e4, 1e5].flatMap((by) => [by, 2 * by, 5 * by]);
