/** What of the wall is where on the canvas: a skyline of bricks, or a map of pixels. */

import type { BrickRun } from "./bricks";
import { BRICKS_FROM_PX, cellPx, type Size, type Skyline, skyline, type View } from "./layout";
import type { Picture, ProfileSpan } from "./picture";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Scene {
  /** What is drawn as bricks; null where sections are too narrow for that. */
  runs: BrickRun[] | null;
  /** Whether there is more to see than fits: one can zoom and move. */
  isMap: boolean;
  /** Index of the section at a point, or null. */
  sectionAt: (x: number, y: number) => number | null;
  /** Where a profile is, or one of its sections, counted from 0. */
  boxOf: (profile: ProfileSpan, section?: number) => Box | null;
}

const ONE_BAND_PX = 330;
const BAND_PX = 132;
const HIGHEST_PX = 560;
const MAP_PX = 420;

/** How high the canvas has to be, given how wide it is. */
export function sceneHeight(picture: Picture, width: number): number {
  const laid = skyline(picture, width, HIGHEST_PX);
  if (!laid) return MAP_PX;
  const lines = Math.round(HIGHEST_PX / laid.bandPx);
  return lines === 1 ? ONE_BAND_PX : Math.min(HIGHEST_PX, lines * BAND_PX);
}

/** Lay the wall out on a canvas. */
export function sceneOf(picture: Picture, view: View, size: Size): Scene {
  const laid = skyline(picture, size.width, size.height);
  return laid ? skylineScene(laid) : mapScene(picture, view, size);
}

function skylineScene({ stretches, sectionPx, bandPx }: Skyline): Scene {
  return {
    isMap: false,
    runs: stretches.map(({ profile, x, y }) => ({
      from: profile.start,
      to: profile.start + profile.sections,
      x,
      y,
      sectionPx,
      bandPx,
      label: `Profile ${profile.number}`,
    })),
    sectionAt: (x, y) => {
      const found = stretches.find(
        (at) =>
          y >= at.y && y < at.y + bandPx && x >= at.x && x < at.x + at.profile.sections * sectionPx,
      );
      return found ? found.profile.start + Math.floor((x - found.x) / sectionPx) : null;
    },
    boxOf: (profile, section) => {
      const found = stretches.find((at) => at.profile === profile);
      return found
        ? {
            x: found.x + (section ?? 0) * sectionPx,
            y: found.y,
            width: (section === undefined ? profile.sections : 1) * sectionPx,
            height: bandPx,
          }
        : null;
    },
  };
}

function mapScene(picture: Picture, view: View, size: Size): Scene {
  const cell = cellPx(picture, view, size);
  const rowOf = (profile: ProfileSpan) => picture.profiles.indexOf(profile);
  return {
    isMap: true,
    runs: cell.x >= BRICKS_FROM_PX ? visibleRuns(picture, view, size) : null,
    sectionAt: (x, y) => {
      const profile = picture.profiles[Math.floor(view.y + y / cell.y)];
      const section = Math.floor(view.x + x / cell.x);
      return profile && section < profile.sections ? profile.start + section : null;
    },
    boxOf: (profile, section) => ({
      x: ((section ?? 0) - view.x) * cell.x,
      y: (rowOf(profile) - view.y) * cell.y,
      width: (section === undefined ? profile.sections : 1) * cell.x,
      height: cell.y,
    }),
  };
}

function visibleRuns(picture: Picture, view: View, size: Size): BrickRun[] {
  const cell = cellPx(picture, view, size);
  const runs: BrickRun[] = [];
  const lastRow = Math.min(picture.profiles.length, Math.ceil(view.y + size.height / cell.y));
  const firstColumn = Math.floor(view.x);
  const lastColumn = Math.ceil(view.x + size.width / cell.x);
  for (let row = Math.floor(view.y); row < lastRow; row++) {
    const profile = picture.profiles[row] as ProfileSpan;
    if (profile.sections <= firstColumn) continue;
    runs.push({
      from: profile.start + firstColumn,
      to: profile.start + Math.min(lastColumn, profile.sections),
      x: (firstColumn - view.x) * cell.x,
      y: (row - view.y) * cell.y,
      sectionPx: cell.x,
      bandPx: cell.y - 2,
      label: `Profile ${profile.number}`,
    });
  }
  return runs;
}
