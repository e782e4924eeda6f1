/** Where on the canvas each profile goes. */

import type { Picture, ProfileSpan } from "./picture";

/** From this width of a section on it is drawn as a column of bricks; below it, as a pixel. */
export const BRICKS_FROM_PX = 6;

const WIDEST_SECTION_PX = 76;
const COMFORTABLE_PX = 22;
const LOWEST_BAND_PX = 64;
const PROFILE_GAP_PX = 18;

/** A profile as a stretch of wall: its sections side by side on one band. */
export interface Stretch {
  profile: ProfileSpan;
  x: number;
  y: number;
}

export interface Skyline {
  stretches: Stretch[];
  sectionPx: number;
  bandPx: number;
}

/**
 * Lay profiles out one after the other, as words of a text are, in as few lines as leave sections
 * comfortably wide. Null if there are too many sections to show them as bricks.
 */
export function skyline(picture: Picture, width: number, height: number): Skyline | null {
  const { profiles, longest } = picture;
  if (profiles.length === 0 || width <= 0) return null;
  let best: Skyline | null = null;
  const mostLines = Math.max(1, Math.floor(height / LOWEST_BAND_PX));
  for (let lines = 1; lines <= mostLines; lines++) {
    const capacity = smallestCapacity(profiles, lines, longest);
    const broken = breakLines(profiles, capacity);
    const gaps = Math.max(...broken.map((line) => line.length - 1)) * PROFILE_GAP_PX;
    const widest = Math.max(...broken.map(sectionsOf));
    const sectionPx = Math.min(WIDEST_SECTION_PX, Math.floor((width - gaps) / widest));
    if (sectionPx < BRICKS_FROM_PX || (best && sectionPx <= best.sectionPx)) continue;
    best = place(broken, sectionPx, width, height);
    if (sectionPx >= COMFORTABLE_PX) break;
  }
  return best;
}

function place(lines: ProfileSpan[][], sectionPx: number, width: number, height: number): Skyline {
  const bandPx = height / lines.length;
  const stretches = lines.flatMap((line, row) => {
    const used = sectionsOf(line) * sectionPx + (line.length - 1) * PROFILE_GAP_PX;
    // A wall that does not fill its line stands in the middle of it.
    let x = lines.length === 1 ? Math.round((width - used) / 2) : 0;
    return line.map((profile) => {
      const stretch = { profile, x, y: Math.round(row * bandPx) };
      x += profile.sections * sectionPx + PROFILE_GAP_PX;
      return stretch;
    });
  });
  return { stretches, sectionPx, bandPx };
}

function sectionsOf(line: ProfileSpan[]): number {
  return line.reduce((sum, { sections }) => sum + sections, 0);
}

/** Break profiles into lines that hold so many sections each; a longer profile has its own. */
function breakLines(profiles: readonly ProfileSpan[], capacity: number): ProfileSpan[][] {
  const lines: ProfileSpan[][] = [];
  let left = 0;
  for (const profile of profiles) {
    const line = lines.at(-1);
    if (line && profile.sections <= left) line.push(profile);
    else {
      lines.push([profile]);
      left = capacity;
    }
    left -= profile.sections;
  }
  return lines;
}

function smallestCapacity(
  profiles: readonly ProfileSpan[],
  lines: number,
  longest: number,
): number {
  let low = longest;
  let high = sectionsOf([...profiles]);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (breakLines(profiles, middle).length <= lines) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** What part of the map is in view: it has a row for each profile, a column for each section. */
export interface View {
  /** Column and row at the upper left corner. */
  x: number;
  y: number;
  /** How many times larger than the whole map in the canvas; 1 is the whole. */
  zoom: number;
}

export interface Size {
  width: number;
  height: number;
}

export const WHOLE: View = { x: 0, y: 0, zoom: 1 };

const WIDEST_CELL_PX = 48;

/** Width and height of a section on the map, in pixels. */
export function cellPx(picture: Picture, view: View, size: Size): { x: number; y: number } {
  const rowPx = size.height / Math.max(1, picture.profiles.length);
  return {
    x: (size.width / Math.max(1, picture.longest)) * view.zoom,
    y: Math.min(rowPx * view.zoom, size.height),
  };
}

/** Zoom by a factor about a point of the canvas, which stays where it is. */
export function zoomed(
  picture: Picture,
  view: View,
  factor: number,
  at: { x: number; y: number },
  size: Size,
): View {
  const before = cellPx(picture, view, size);
  const largest = Math.max(1, (WIDEST_CELL_PX * picture.longest) / size.width);
  const zoom = Math.min(Math.max(view.zoom * factor, 1), largest);
  const after = cellPx(picture, { ...view, zoom }, size);
  const x = view.x + at.x / before.x - at.x / after.x;
  const y = view.y + at.y / before.y - at.y / after.y;
  return held(picture, { x, y, zoom }, size);
}

/** A view that does not look beyond the wall's edges. */
export function held(picture: Picture, view: View, size: Size): View {
  const cell = cellPx(picture, view, size);
  return {
    x: Math.min(Math.max(view.x, 0), Math.max(0, picture.longest - size.width / cell.x)),
    y: Math.min(Math.max(view.y, 0), Math.max(0, picture.profiles.length - size.height / cell.y)),
    zoom: view.zoom,
  };
}
