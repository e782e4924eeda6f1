/** Ice and cost by day, from runs of equal days. */

/** Days that are all alike. Ice is in cubic yards, cost in gold dragons, both of one day. */
export interface Run {
  first_day: number;
  last_day: number;
  sections_at_work: number;
  ice: number;
  cost: number;
}

export interface DayAmounts {
  atWork: number;
  ice: number;
  cost: number;
  /** By the end of the day. */
  iceSoFar: number;
  costSoFar: number;
}

/** The runs of a wall, with what was used before each of them. */
export class Timeline {
  private readonly iceBefore: number[] = [];
  private readonly costBefore: number[] = [];
  readonly lastDay: number;

  constructor(readonly runs: readonly Run[]) {
    let ice = 0;
    let cost = 0;
    for (const run of runs) {
      this.iceBefore.push(ice);
      this.costBefore.push(cost);
      const days = run.last_day - run.first_day + 1;
      ice += run.ice * days;
      cost += run.cost * days;
    }
    this.lastDay = runs.at(-1)?.last_day ?? 0;
  }

  /** The amounts of a day, and by its end. */
  on(day: number): DayAmounts {
    const at = this.runAt(day);
    const run = this.runs[at];
    if (!run) return { atWork: 0, ice: 0, cost: 0, iceSoFar: 0, costSoFar: 0 };
    const days = Math.min(day, run.last_day) - run.first_day + 1;
    const working = day <= run.last_day;
    return {
      atWork: working ? run.sections_at_work : 0,
      ice: working ? run.ice : 0,
      cost: working ? run.cost : 0,
      iceSoFar: (this.iceBefore[at] as number) + days * run.ice,
      costSoFar: (this.costBefore[at] as number) + days * run.cost,
    };
  }

  /** Index of the last run that began by a day; -1 before the first. */
  private runAt(day: number): number {
    let low = -1;
    let high = this.runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.runs[middle] as Run).first_day <= day) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** The days on which a plot of these timelines needs a point, at most so many. */
export function plotDays(timelines: readonly Timeline[], most = 1000): number[] {
  const days = new Set([0]);
  for (const { runs } of timelines) {
    for (const run of runs) days.add(run.first_day - 1).add(run.last_day);
  }
  const sorted = [...days].sort((a, b) => a - b);
  if (sorted.length <= most) return sorted;
  const every = (sorted.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, at) => sorted[Math.round(at * every)] as number);
}
