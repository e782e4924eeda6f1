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
  private told: ((value: Value) => Value)[] = [];

  get value(): Value | null {
    return this.state.value.value;
  }

  /** Ask, and keep what is there meanwhile. */
  async load(ask: (signal: AbortSignal) => Promise<Value>): Promise<void> {
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    this.told = [];
    this.state.value = { ...this.state.peek(), loading: true };
    try {
      let value: Value = await ask(asking.signal);
      if (this.asking !== asking) return;
      for (const change of this.told) value = change(value);
      this.state.value = { value, loading: false, problem: null };
    } catch (error) {
      if (this.asking !== asking) return;
      const problem = error instanceof Problem ? error : new Problem(0, String(error));
      // Nothing there is an answer; no answer leaves what was known.
      const value = problem.status === 404 ? null : this.state.peek().value;
      this.state.value = { value, loading: false, problem };
    }
  }

  /**
   * Change the value: somebody else has told what changed. An answer that is under way may be older
   * than that, so it is changed likewise: made twice, a change has to be as made once.
   *
   * Returns whether there is or will be a value; if not, somebody has to ask.
   */
  tell(change: (value: Value) => Value): boolean {
    const known = this.state.peek();
    if (known.loading) this.told.push(change);
    if (known.value !== null) this.state.value = { ...known, value: change(known.value) };
    return known.loading || known.value !== null;
  }

  /** Know without asking that it is not there. */
  lose(problem: Problem): void {
    this.clear();
    this.state.value = { ...this.state.peek(), problem };
  }

  /** Forget everything: it was about something else. */
  clear(): void {
    this.asking?.abort();
    this.asking = null;
    this.told = [];
    this.state.value = { value: null, loading: false, problem: null };
  }
}
