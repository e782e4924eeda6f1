/** The wall as a map: a row for each profile, one pixel wide for each section. */

import { cellPx, type Size, type View } from "./layout";
import type { Palette } from "./palette";
import { FULL_HEIGHT_FT, type Picture, type ProfileSpan } from "./picture";

/** More rows than a screen has are thinned out to this many before they are drawn. */
const MOST_ROWS = 4096;

/** From this height of a row on it is a silhouette, a pixel for each foot; below it, a colour. */
const SILHOUETTE_FROM_PX = 40;
const SILHOUETTE_ROWS = FULL_HEIGHT_FT + 3;

/** Draws maps; keeps the image between frames, so that a frame allocates nothing. */
export class PixelRenderer {
  private image: ImageData | null = null;
  private readonly sheet = document.createElement("canvas");

  /** Draw the part of the map that is in view, as it is by the end of a day. */
  draw(
    context: CanvasRenderingContext2D,
    picture: Picture,
    palette: Palette,
    day: number,
    view: View,
    size: Size,
  ): void {
    const cell = cellPx(picture, view, size);
    const top = Math.floor(view.y);
    const bottom = Math.min(picture.profiles.length, Math.ceil(view.y + size.height / cell.y));
    const left = Math.floor(view.x);
    const right = Math.min(picture.longest, Math.ceil(view.x + size.width / cell.x));
    const columns = right - left;
    const step = Math.max(1, Math.ceil((bottom - top) / MOST_ROWS));
    const rows = Math.ceil((bottom - top) / step);
    if (rows < 1 || columns < 1) return;
    const lines = cell.y >= SILHOUETTE_FROM_PX ? SILHOUETTE_ROWS : 1;
    const image = this.imageOf(columns, rows * lines);
    const pixels = new Uint32Array(image.data.buffer);
    pixels.fill(0);
    for (let row = 0; row < rows; row++) {
      const profile = picture.profiles[top + row * step] as ProfileSpan;
      const count = Math.max(0, Math.min(right, profile.sections) - left);
      const from = profile.start + left;
      const line = pixels.subarray(row * lines * columns, (row + 1) * lines * columns);
      if (lines === 1)
        paintColours(line.subarray(0, count), picture, palette, Math.floor(day), from);
      else paintSilhouette(line, columns, count, picture, palette, Math.floor(day), from);
    }
    this.sheet.getContext("2d")?.putImageData(image, 0, 0);
    // Enlarged, each section stays a sharp cell; made smaller, neighbours are mixed.
    context.imageSmoothingEnabled = cell.x < 1 || cell.y < lines;
    const x = (left - view.x) * cell.x;
    const y = (top - view.y) * cell.y;
    context.drawImage(this.sheet, x, y, columns * cell.x, rows * step * cell.y);
  }

  private imageOf(columns: number, rows: number): ImageData {
    if (this.image?.width !== columns || this.image.height !== rows) {
      this.image = new ImageData(columns, rows);
      this.sheet.width = columns;
      this.sheet.height = rows;
    }
    return this.image;
  }
}

/** Colour sections by their height, one pixel each, from a section on. */
export function paintColours(
  pixels: Uint32Array,
  picture: Picture,
  { waiting, atWork, pixel }: Pick<Palette, "waiting" | "atWork" | "pixel">,
  day: number,
  from: number,
): void {
  const { firstDay, height } = picture;
  for (let at = 0; at < pixels.length; at++) {
    const start = height[from + at] as number;
    const days = FULL_HEIGHT_FT - start;
    const done = day - (firstDay[from + at] as number) + 1;
    if (days === 0 || done > days) pixels[at] = pixel.ice;
    else if (done > 0) pixels[at] = atWork[start + done] as number;
    else pixels[at] = waiting[start] as number;
  }
}

/** Draw sections as columns, a pixel for each foot, into lines of so many columns. */
export function paintSilhouette(
  pixels: Uint32Array,
  columns: number,
  count: number,
  picture: Picture,
  { pixel }: Pick<Palette, "pixel">,
  day: number,
  from: number,
): void {
  const ground = SILHOUETTE_ROWS - 2;
  for (let at = 0; at < count; at++) {
    const start = picture.height[from + at] as number;
    const done = day - (picture.firstDay[from + at] as number) + 1;
    const built = Math.min(Math.max(done, 0), FULL_HEIGHT_FT - start);
    const working = built > 0 && done === built;
    for (let foot = 1; foot <= FULL_HEIGHT_FT; foot++) {
      let colour = pixel.ghost;
      if (foot <= start) colour = pixel.stone;
      else if (working && foot === start + built) colour = pixel.work;
      else if (foot <= start + built) colour = pixel.ice;
      pixels[(ground - foot) * columns + at] = colour;
    }
  }
}
