/** Find a wall among all there are. */

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { loadWalls, wallId, walls } from "../data";
import { amount } from "../format";
import { Dialog } from "../parts/Dialog";
import { Empty, Shown } from "../parts/Trouble";
import { goToWall } from "../place";

const MOST = 100;
const EVERY_MS = 2000;

export function Walls() {
  const sought = useSignal("");
  useEffect(() => {
    loadWalls();
    // The stream tells of the wall that is shown alone.
    const timer = window.setInterval(loadWalls, EVERY_MS);
    return () => window.clearInterval(timer);
  }, []);
  return (
    <Dialog title="Walls">
      <label>
        <span class="spoken">Find a wall</span>
        <input
          type="search"
          // The dialog was opened to type here
          autofocus
          placeholder="Find a wall"
          value={sought.value}
          onInput={(event) => {
            sought.value = event.currentTarget.value;
          }}
        />
      </label>
      <Shown of={walls}>
        {(all) => {
          const word = sought.value.trim().toLowerCase();
          const found = all.filter(({ wall }) => wall.toLowerCase().includes(word));
          return (
            <>
              {found.length === 0 && <Empty>No wall of that name.</Empty>}
              <table class="walls">
                <thead>
                  <tr>
                    <th scope="col">Wall</th>
                    <th scope="col" class="amount">
                      Sections
                    </th>
                    <th scope="col" class="amount">
                      Days
                    </th>
                    <th scope="col" class="amount">
                      Cost, GD
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {found.slice(0, MOST).map((one) => (
                    <tr key={one.wall} aria-selected={one.wall === wallId.value}>
                      <th scope="row">
                        <button
                          type="button"
                          class="plain number"
                          onClick={() => goToWall(one.wall)}
                        >
                          {one.wall}
                        </button>
                        {one.state === "BUILDING" && <span class="tag">building</span>}
                      </th>
                      <td class="amount">{amount(one.sections)}</td>
                      <td class="amount">{amount(one.days)}</td>
                      <td class="amount">{amount(one.cost)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
              {found.length > MOST && (
                <p class="note">
                  The first {MOST} of {amount(found.length)}.
                </p>
              )}
            </>
          );
        }}
      </Shown>
    </Dialog>
  );
}
