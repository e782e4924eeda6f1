/** The wall's colours, as the style sheet has them now: a canvas does not follow it by itself. */

import { FULL_HEIGHT_FT } from "./picture";

export interface Palette {
  ground: string;
  ink: string;
  inkSoft: string;
  line: string;
  /** What stood there before day 1. */
  stone: string;
  ice: string;
  iceEdge: string;
  work: string;
  accent: string;
  /** What is still to be built. */
  ghost: string;
  /** The build with other crews, beside the one that is. */
  whatIf: string;
  /** What is below a line of a plot. */
  veil: string;
  font: string;
  /** Colour of a section on the map by height in feet: while it waits, and while it is built. */
  waiting: Uint32Array;
  atWork: Uint32Array;
  /** The same colours as above, as the bytes of a pixel. */
  pixel: { ghost: number; stone: number; ice: number; work: number };
}

type Rgb = [number, number, number];

/** Read the palette from the style sheet's variables, as they are at an element. */
export function readPalette(element: HTMLElement): Palette {
  const probe = document.createElement("i");
  probe.hidden = true;
  element.append(probe);
  const colour = (name: string) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const palette = {
    ground: colour("ground"),
    ink: colour("ink"),
    inkSoft: colour("ink-soft"),
    line: colour("line"),
    stone: colour("stone"),
    ice: colour("ice"),
    iceEdge: colour("ice-edge"),
    work: colour("work"),
    accent: colour("accent"),
    ghost: colour("ghost"),
    whatIf: colour("what-if"),
    veil: colour("veil"),
    font: getComputedStyle(element).fontFamily,
    waiting: ramp(rgb(colour("map-low")), rgb(colour("map-high"))),
    atWork: ramp(rgb(colour("map-work-low")), rgb(colour("map-work-high"))),
  };
  probe.remove();
  const { ghost, stone, ice, work } = palette;
  const pixel = {
    ghost: pixelOf(rgb(ghost)),
    stone: pixelOf(rgb(stone)),
    ice: pixelOf(rgb(ice)),
    work: pixelOf(rgb(work)),
  };
  return { ...palette, pixel };
}

/** The three bytes of a colour as browsers compute it: rgb(1, 2, 3). */
export function rgb(colour: string): Rgb {
  const [red = 0, green = 0, blue = 0] = (colour.match(/[\d.]+/g) ?? []).map(Number);
  return [red, green, blue];
}

/** The four bytes of an opaque pixel in one number: little-endian, so alpha is the highest. */
export function pixelOf([red, green, blue]: Rgb): number {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** A colour for each height in feet, from one colour to another. */
export function ramp(from: Rgb, to: Rgb): Uint32Array {
  return Uint32Array.from({ length: FULL_HEIGHT_FT + 1 }, (_, height) => {
    const share = height / FULL_HEIGHT_FT;
    const mixed = from.map((value, at) => Math.round(value + ((to[at] as number) - value) * share));
    return pixelOf(mixed as Rgb);
  });
}
