/** The picture of a wall: where each section stands, and when its crew comes. */

export const FULL_HEIGHT_FT = 30;

export interface ProfileSpan {
  /** Number of the profile. */
  number: number;
  /** Number of its sections. */
  sections: number;
  /** Index of its first section among all sections of the wall. */
  start: number;
}

export interface Picture {
  version: number;
  profiles: readonly ProfileSpan[];
  /** Sections of all profiles together. */
  sections: number;
  /** Sections of the longest profile. */
  longest: number;
  /** Last day of work; 0 if there is none. */
  days: number;
  /** First day of work on each section; without meaning where the section was finished before. */
  firstDay: Uint32Array;
  /** Starting height of each section, in feet. */
  height: Uint8Array;
  /** Name of the crew of a section; empty for none. */
  crewOf: (section: number) => string;
}

interface Head {
  version: number;
  days: number;
  profiles: [number, number][];
  /** How crews are named: by a rule, by their number, or in this list. */
  crews: "profile.section" | "profile" | "number" | string[];
}

/**
 * Read the binary answer: u32 length of the head, the head in JSON, padding to a multiple of 4,
 * then u32 first days, u32 crews (left out where a rule names them; 0 is none), u8 heights. All of
 * it is little-endian, as are all machines that run a browser.
 */
export function readPicture(buffer: ArrayBuffer): Picture {
  const headLength = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, headLength))) as Head;
  let start = 0;
  const profiles = head.profiles.map(([number, sections]) => {
    const span = { number, sections, start };
    start += sections;
    return span;
  });
  const body = 4 + Math.ceil(headLength / 4) * 4;
  const firstDay = new Uint32Array(buffer, body, start);
  const hasCrews = Array.isArray(head.crews) || head.crews === "number";
  const crew = new Uint32Array(buffer, body + 4 * start, hasCrews ? start : 0);
  const height = new Uint8Array(buffer, body + (hasCrews ? 8 : 4) * start, start);
  const crewOf = (section: number) => {
    if ((height[section] ?? FULL_HEIGHT_FT) >= FULL_HEIGHT_FT) return "";
    if (hasCrews) {
      const number = crew[section] ?? 0;
      return Array.isArray(head.crews) ? (head.crews[number - 1] ?? "") : String(number);
    }
    const profile = profileOf(profiles, section);
    return head.crews === "profile"
      ? String(profile.number)
      : `${profile.number}.${section - profile.start + 1}`;
  };
  return {
    version: head.version,
    profiles,
    sections: start,
    longest: profiles.reduce((longest, { sections }) => Math.max(longest, sections), 0),
    days: head.days,
    firstDay,
    height,
    crewOf,
  };
}

/** The profile that a section belongs to. */
export function profileOf(profiles: readonly ProfileSpan[], section: number): ProfileSpan {
  let low = 0;
  let high = profiles.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((profiles[middle] as ProfileSpan).start <= section) low = middle;
    else high = middle - 1;
  }
  return profiles[low] as ProfileSpan;
}

/** Height of a section by the end of a day, in feet; a part of a day is a part of a foot. */
export function heightOn(picture: Picture, section: number, day: number): number {
  const start = picture.height[section] as number;
  const built = day - (picture.firstDay[section] as number) + 1;
  return start + Math.min(Math.max(built, 0), FULL_HEIGHT_FT - start);
}

/** Whether a crew is at work on a section on a day. */
export function isAtWork(picture: Picture, section: number, day: number): boolean {
  const days = FULL_HEIGHT_FT - (picture.height[section] as number);
  const first = picture.firstDay[section] as number;
  return days > 0 && day >= first && day < first + days;
}

export interface Progress {
  atWork: number;
  finished: number;
  sections: number;
  /** Feet built by the end of the day, and over all days. */
  built: number;
  toBuild: number;
}

/** How far a stretch of sections is by the end of a day. */
export function progressOn(picture: Picture, day: number, from: number, to: number): Progress {
  const { firstDay, height } = picture;
  let atWork = 0;
  let finished = 0;
  let built = 0;
  let toBuild = 0;
  for (let section = from; section < to; section++) {
    const days = FULL_HEIGHT_FT - (height[section] as number);
    const done = day - (firstDay[section] as number) + 1;
    toBuild += days;
    if (days === 0 || done >= days) {
      finished++;
      built += days;
      if (days > 0 && done === days) atWork++;
    } else if (done > 0) {
      atWork++;
      built += done;
    }
  }
  return { atWork, finished, sections: to - from, built, toBuild };
}

/** How far the wall is by the end of a day, and each of its profiles. */
export function progressOfAll(
  picture: Picture,
  day: number,
): { wall: Progress; profiles: Progress[] } {
  const wall = { atWork: 0, finished: 0, sections: 0, built: 0, toBuild: 0 };
  const profiles = picture.profiles.map(({ start, sections }) => {
    const progress = progressOn(picture, day, start, start + sections);
    for (const name of Object.keys(wall) as (keyof Progress)[]) wall[name] += progress[name];
    return progress;
  });
  return { wall, profiles };
}

export interface Task {
  /** Index of the section among all of the wall. */
  section: number;
  first: number;
  last: number;
}

/** What crews build, in order of days: the sections of each of those named. */
export function tasksOf(picture: Picture, crews: readonly string[]): Map<string, Task[]> {
  const tasks = new Map<string, Task[]>(crews.map((crew) => [crew, []]));
  for (let section = 0; section < picture.sections; section++) {
    const of = tasks.get(picture.crewOf(section));
    const first = picture.firstDay[section] as number;
    const days = FULL_HEIGHT_FT - (picture.height[section] as number);
    of?.push({ section, first, last: first + days - 1 });
  }
  for (const of of tasks.values()) of.sort((one, other) => one.first - other.first);
  return tasks;
}
