/** The wall on a canvas: as bricks where there is room for them, else as a map to look into. */

import { computed, effect, type Signal, signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { picture, playhead, shownDay, wallId } from "../data";
import { go, place } from "../place";
import { schemeChanged } from "../scheme";
import { drawRun } from "./bricks";
import { cellPx, held, type Size, type View, WHOLE, zoomed } from "./layout";
import { readPalette } from "./palette";
import { FULL_HEIGHT_FT, heightOn, isAtWork, type Picture, profileOf, tasksOf } from "./picture";
import { PixelRenderer } from "./pixels";
import { type Scene, sceneHeight, sceneOf } from "./scene";

export const view = signal<View>(WHOLE);
const size = signal<Size>({ width: 0, height: 0 });
const chosenCrew = computed(() => place.value.crew);
/** The sections of the crew that is chosen. */
const crewSections = computed(() => {
  const crew = chosenCrew.value;
  const tasks = crew && picture.value ? tasksOf(picture.value, [crew]).get(crew) : [];
  return tasks?.map(({ section }) => section) ?? [];
});

/** Zoom the map about its middle; by 0 for the whole of it. */
export function zoomBy(factor: number): void {
  const shown = picture.state.peek().value;
  const { width, height } = size.peek();
  if (!shown || !sceneOf(shown, view.peek(), size.peek()).isMap) return;
  view.value = zoomed(shown, view.peek(), factor, { x: width / 2, y: height / 2 }, size.peek());
}

interface Pointed {
  section: number;
  x: number;
  y: number;
}

export function WallPicture() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pointed = useSignal<Pointed | null>(null);
  const shown = picture.value;
  const scene = shown && size.value.width ? sceneOf(shown, view.value, size.value) : null;

  useEffect(() => {
    const element = canvas.current as HTMLCanvasElement;
    const observer = new ResizeObserver(() => {
      size.value = { width: element.clientWidth, height: element.clientHeight };
    });
    observer.observe(element);
    const stop = drawing(element, pointed);
    // Not passive: the wheel zooms the map and must not scroll the page as well.
    const wheel = (event: WheelEvent) => onWheel(event);
    element.addEventListener("wheel", wheel, { passive: false });
    return () => {
      observer.disconnect();
      stop();
      element.removeEventListener("wheel", wheel);
    };
  }, [pointed]);

  const onMove = (event: PointerEvent) => {
    if (!shown || !scene) return;
    if (event.buttons && scene.isMap) pan(event, shown);
    const { offsetX: x, offsetY: y } = event;
    const section = scene.sectionAt(x, y);
    pointed.value = section === null ? null : { section, x, y };
  };
  const onClick = () => {
    if (!shown || !pointed.value) return;
    const { number } = profileOf(shown.profiles, pointed.value.section);
    go({ profile: place.value.profile === number ? null : number });
  };
  const onLeave = () => {
    pointed.value = null;
  };
  return (
    <>
      <div class={`picture ${shown ? "" : "loading"}`}>
        <canvas
          ref={canvas}
          class={scene?.isMap ? "map" : ""}
          style={{ height: `${shown ? sceneHeight(shown, size.value.width) : 330}px` }}
          role="img"
          aria-label={`The wall ${wallId.value}`}
          aria-describedby="day-in-words"
          onPointerMove={onMove}
          onPointerLeave={onLeave}
          onClick={onClick}
        />
        {shown && pointed.value && (
          <Label picture={shown} at={pointed.value} width={size.value.width} />
        )}
      </div>
      <Legend isMap={scene?.isMap ?? false} />
    </>
  );
}

function Label({ picture, at, width }: { picture: Picture; at: Pointed; width: number }) {
  const { section, x, y } = at;
  const profile = profileOf(picture.profiles, section);
  const start = picture.height[section] as number;
  const first = picture.firstDay[section] as number;
  const side = x > width / 2 ? { right: `${width - x + 12}px` } : { left: `${x + 14}px` };
  return (
    <div class="pointed" style={{ top: `${y + 14}px`, ...side }}>
      <strong>
        Profile {profile.number}, section {section - profile.start + 1}
      </strong>
      <span>
        {heightOn(picture, section, shownDay.value)} of {FULL_HEIGHT_FT} ft, {start} ft before day 1
      </span>
      {start < FULL_HEIGHT_FT && (
        <span class={isAtWork(picture, section, shownDay.value) ? "at-work" : ""}>
          Crew {picture.crewOf(section)}, day {first} to {first + FULL_HEIGHT_FT - start - 1}
        </span>
      )}
    </div>
  );
}

/** What the colours mean; and the zoom, where there is more to see than fits. */
function Legend({ isMap }: { isMap: boolean }) {
  const whole = view.value.zoom <= 1;
  return (
    <div class="below">
      <ul class="legend" aria-label="Colours">
        <li class="stone">{isMap ? "waiting; the darker, the lower" : "stood before day 1"}</li>
        <li class="work">at work</li>
        <li class="ice">{isMap ? "finished" : "built"}</li>
        {!isMap && <li class="ghost">to build</li>}
      </ul>
      {isMap && (
        <fieldset class="zoom" aria-label="Zoom">
          <button type="button" aria-label="Zoom in" onClick={() => zoomBy(2)}>
            +
          </button>
          <button type="button" aria-label="Zoom out" disabled={whole} onClick={() => zoomBy(0.5)}>
            −
          </button>
          <button type="button" disabled={whole} onClick={() => zoomBy(0)}>
            Whole wall
          </button>
        </fieldset>
      )}
    </div>
  );
}

/** Draw whenever something that is seen changes, once a frame at most. Returns how to stop. */
function drawing(canvas: HTMLCanvasElement, pointed: Signal<Pointed | null>): () => void {
  const context = canvas.getContext("2d") as CanvasRenderingContext2D;
  const pixels = new PixelRenderer();
  let palette = readPalette(canvas);
  let paletteOf = schemeChanged.peek();
  let frame = 0;

  const paint = () => {
    frame = 0;
    const { width, height } = size.peek();
    fit(canvas, width, height);
    context.clearRect(0, 0, width, height);
    const shown = picture.state.peek().value;
    if (!shown || width === 0) return;
    if (paletteOf !== schemeChanged.peek()) palette = readPalette(canvas);
    paletteOf = schemeChanged.peek();
    const day = playhead.peek() ?? shownDay.peek();
    const scene = sceneOf(shown, view.peek(), size.peek());
    context.font = `600 12px ${palette.font}`;
    if (scene.runs) for (const run of scene.runs) drawRun(context, shown, palette, run, day);
    else pixels.draw(context, shown, palette, day, view.peek(), size.peek());
    const chosen = shown.profiles.find(({ number }) => number === place.peek().profile);
    if (chosen) outline(context, palette.accent, scene.boxOf(chosen));
    const outlineSection = (section: number, colour: string) => {
      const profile = profileOf(shown.profiles, section);
      outline(context, colour, scene.boxOf(profile, section - profile.start));
    };
    for (const section of crewSections.peek()) outlineSection(section, palette.work);
    const at = pointed.peek();
    if (at) outlineSection(at.section, palette.ink);
  };
  return effect(() => {
    // What is read here is what the drawing depends on.
    void [picture.value, shownDay.value, playhead.value, view.value, size.value];
    void [pointed.value, place.value, crewSections.value, schemeChanged.value];
    frame ||= requestAnimationFrame(paint);
  });
}

/** Give the canvas the pixels that the screen has. */
function fit(canvas: HTMLCanvasElement, width: number, height: number): void {
  const sharp = window.devicePixelRatio || 1;
  const [wide, high] = [Math.round(width * sharp), Math.round(height * sharp)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  canvas.getContext("2d")?.setTransform(sharp, 0, 0, sharp, 0, 0);
}

function outline(
  context: CanvasRenderingContext2D,
  colour: string,
  box: ReturnType<Scene["boxOf"]>,
) {
  if (!box) return;
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.strokeRect(box.x - 1.5, box.y + 0.75, box.width + 1, box.height - 1.5);
}

function onWheel(event: WheelEvent): void {
  const shown = picture.state.peek().value;
  if (!shown || !sceneOf(shown, view.peek(), size.peek()).isMap) return;
  // Outwards from the whole wall there is nothing: the wheel then scrolls the page.
  if (view.peek().zoom <= 1 && event.deltaY > 0) return;
  event.preventDefault();
  const factor = Math.exp(-event.deltaY / 300);
  view.value = zoomed(
    shown,
    view.peek(),
    factor,
    { x: event.offsetX, y: event.offsetY },
    size.peek(),
  );
}

function pan(event: PointerEvent, shown: Picture): void {
  const cell = cellPx(shown, view.value, size.value);
  const x = view.value.x - event.movementX / cell.x;
  const y = view.value.y - event.movementY / cell.y;
  view.value = held(shown, { ...view.value, x, y }, size.value);
}
