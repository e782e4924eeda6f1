/** The wall as columns of bricks that grow a foot a day, with the crews on top of them. */

import type { Palette } from "./palette";
import { FULL_HEIGHT_FT, heightOn, type Picture } from "./picture";

/** A run of sections, side by side on one band of the canvas. */
export interface BrickRun {
  /** First section, and the one after the last, among all of the wall. */
  from: number;
  to: number;
  x: number;
  /** Upper edge of the band. */
  y: number;
  sectionPx: number;
  bandPx: number;
  label: string;
}

const LABEL_PX = 18;
const MARK_PX = 12;

/** Draw a run as it is on a day; a part of a day is a part of a brick. */
export function drawRun(
  context: CanvasRenderingContext2D,
  picture: Picture,
  palette: Palette,
  run: BrickRun,
  day: number,
): void {
  const roomy = run.bandPx >= 56;
  const foot = run.y + run.bandPx - (roomy ? LABEL_PX : 1);
  const ft = (foot - run.y - (roomy ? MARK_PX + 6 : 2)) / FULL_HEIGHT_FT;
  const gap = run.sectionPx >= 10 ? Math.max(1, Math.round(run.sectionPx * 0.06)) : 1;
  const width = run.sectionPx - gap;
  const top = (height: number) => foot - height * ft;

  for (let section = run.from; section < run.to; section++) {
    const x = run.x + (section - run.from) * run.sectionPx;
    const start = picture.height[section] as number;
    const height = heightOn(picture, section, day);
    const sinceFirst = day - (picture.firstDay[section] as number) + 1;
    const building =
      start < FULL_HEIGHT_FT && sinceFirst > 0 && day < lastDay(picture, section) + 1;
    rectangle(context, palette.ghost, x, top(FULL_HEIGHT_FT), width, foot - top(FULL_HEIGHT_FT));
    rectangle(context, palette.stone, x, top(start), width, foot - top(start));
    rectangle(context, palette.ice, x, top(height), width, top(start) - top(height));
    if (building) {
      // The foot of the day, as far as it is built.
      const since = Math.max(start, Math.ceil(height) - 1);
      rectangle(context, palette.work, x, top(height), width, top(since) - top(height));
    } else if (height >= FULL_HEIGHT_FT) {
      rectangle(context, palette.iceEdge, x, top(height), width, Math.min(3, ft));
    }
  }
  const right = run.x + (run.to - run.from) * run.sectionPx - gap;
  if (ft >= 3.5) drawJoints(context, palette, run, { foot, ft, right, gap });
  for (let section = run.from; section < run.to; section++) {
    const last = lastDay(picture, section);
    const start = picture.height[section] as number;
    const first = picture.firstDay[section] as number;
    if (start >= FULL_HEIGHT_FT || day < first || day >= last + 1) continue;
    const x = run.x + (section - run.from) * run.sectionPx + width / 2;
    drawCrew(
      context,
      palette,
      x,
      top(heightOn(picture, section, day)),
      width,
      picture.crewOf(section),
      ft,
    );
  }
  if (roomy) {
    context.fillStyle = palette.line;
    context.fillRect(run.x, foot + 2, right - run.x, 1);
    text(context, palette.inkSoft, run.label, run.x, foot + LABEL_PX - 2, "left");
  }
}

function lastDay(picture: Picture, section: number): number {
  return (
    (picture.firstDay[section] as number) + FULL_HEIGHT_FT - (picture.height[section] as number) - 1
  );
}

function rectangle(
  context: CanvasRenderingContext2D,
  colour: string,
  x: number,
  y: number,
  width: number,
  height: number,
): void {
  if (height <= 0) return;
  context.fillStyle = colour;
  context.fillRect(x, y, width, height);
}

/** The joints of the masonry: each course is a foot; bricks of neighbouring courses are shifted. */
function drawJoints(
  context: CanvasRenderingContext2D,
  palette: Palette,
  run: BrickRun,
  at: { foot: number; ft: number; right: number; gap: number },
): void {
  context.fillStyle = palette.ground;
  context.globalAlpha = 0.42;
  for (let course = 1; course < FULL_HEIGHT_FT; course++) {
    context.fillRect(run.x, at.foot - course * at.ft - 0.5, at.right - run.x, 1);
  }
  if (run.sectionPx >= 30 && at.ft >= 5) {
    const brick = (run.sectionPx - at.gap) / 2;
    for (let section = run.from; section < run.to; section++) {
      const x = run.x + (section - run.from) * run.sectionPx;
      for (let course = 0; course < FULL_HEIGHT_FT; course++) {
        const shift = course % 2 ? brick : brick / 2;
        for (let joint = shift; joint < brick * 2 - 1; joint += brick) {
          context.fillRect(x + joint, at.foot - (course + 1) * at.ft, 1, at.ft);
        }
      }
    }
  }
  context.globalAlpha = 1;
}

function drawCrew(
  context: CanvasRenderingContext2D,
  palette: Palette,
  x: number,
  top: number,
  width: number,
  crew: string,
  ft: number,
): void {
  if (ft < 1) return;
  context.fillStyle = palette.work;
  if (width >= 22) {
    // A flag with the crew's name.
    const w = Math.max(16, context.measureText(crew).width + 10);
    if (w <= width + 6) {
      context.beginPath();
      context.roundRect(x - w / 2, top - 17, w, 14, 3);
      context.fill();
      text(context, palette.ground, crew, x, top - 6.5, "center");
      return;
    }
  }
  const r = Math.min(4, Math.max(1.5, width / 3));
  context.beginPath();
  context.arc(x, top - r - 2, r, 0, 7);
  context.fill();
}

function text(
  context: CanvasRenderingContext2D,
  colour: string,
  words: string,
  x: number,
  y: number,
  align: CanvasTextAlign,
): void {
  context.fillStyle = colour;
  context.textAlign = align;
  context.fillText(words, x, y);
}
