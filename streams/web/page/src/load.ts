/** Something that is asked of the API: what is there, whether it is asked anew, and what went wrong. */

import { type Signal, signal } from "@preact/signals";
import { Problem } from "./api/client";

export interface Loaded<Value> {
  value: Value | null;
  loading: boolean;
  problem: Problem | null;
}

/**
 * A value that is asked for again when it may have changed. The last one stays until the next is
 * there, and a question that is no longer wanted is given up.
 */
export class Loadable<Value> {
  readonly state: Signal<Loaded<Value>> = signal({ value: null, loading: false, problem: null });
  private asking: AbortController | null = null;

  get value(): Value | null {
    return this.state.value.value;
  }

  /** Ask, and keep what is there meanwhile. */
  async load(ask: (signal: AbortSignal) => Promise<Value>): Promise<void> {
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    this.state.value = { ...this.state.peek(), loading: true };
    try {
      const value = await ask(asking.signal);
      if (this.asking === asking) this.state.value = { value, loading: false, problem: null };
    } catch (error) {
      if (this.asking !== asking) return;
      const problem = error instanceof Problem ? error : new Problem(0, String(error));
      // Nothing there is an answer; no answer leaves what was known.
      const value = problem.status === 404 ? null : this.state.peek().value;
      this.state.value = { value, loading: false, problem };
    }
  }

  /** Set the value: somebody else has told it. */
  set(value: Value): void {
    this.state.value = { ...this.state.peek(), value };
  }

  /** Forget everything: it was about something else. */
  clear(): void {
    this.asking?.abort();
    this.asking = null;
    this.state.value = { value: null, loading: false, problem: null };
  }
}
