/** Keys that work wherever one is on the page, but for those who type. */

import { picture } from "./data";
import { go, place } from "./place";
import { togglePlay } from "./wall/play";
import { zoomBy } from "./wall/WallPicture";

export function listenToKeys(): void {
  document.addEventListener("keydown", (event) => {
    const at = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || place.value.show) return;
    if (at.matches("input:not([type=range]), textarea, select")) return;
    const act = {
      "/": () => go({ show: "walls" }),
      "+": () => zoomBy(2),
      "-": () => zoomBy(0.5),
      "0": () => zoomBy(0),
      // On a button, space is that button's.
      " ": at.matches("button, a, summary, [role=button]") ? undefined : togglePlay,
    }[event.key];
    // A wall can be looked for before there is any to show.
    if (!act || !(picture.value || event.key === "/")) return;
    event.preventDefault();
    act();
  });
}
