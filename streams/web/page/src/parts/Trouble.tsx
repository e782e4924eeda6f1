/** What went wrong, where it went wrong. */

import type { ComponentChildren } from "preact";
import { Problem } from "../api/client";
import type { Loadable } from "../load";

export function Trouble({ problem }: { problem: Problem | null }) {
  return (
    problem && (
      <p class="trouble" role="alert">
        {problem.detail}
      </p>
    )
  );
}

/** What was asked for: what is there of it, that it is on its way, or why it is not there. */
export function Shown<Value>(props: {
  of: Loadable<Value>;
  children: (value: Value) => ComponentChildren;
}) {
  const { value, loading, problem } = props.of.state.value;
  return (
    <>
      <Trouble problem={problem} />
      {value !== null && props.children(value)}
      {value === null && loading && <p class="note">Loading…</p>}
    </>
  );
}

/** Nothing is there, and what to do about it. */
export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

/** Whatever was thrown, as a problem. */
export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, String(error));
}
