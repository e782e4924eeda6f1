/** A picture as the API packs it. */

export interface Section {
  height: number;
  firstDay?: number;
  crew?: string;
}

/** Pack profiles, given by number as their sections; crews are named by a rule if none is given. */
export function packPicture(
  profiles: Record<number, Section[]>,
  rule: "profile.section" | "profile" | "number" = "profile.section",
): ArrayBuffer {
  const sections = Object.values(profiles).flat();
  const names = [...new Set(sections.map(({ crew }) => crew).filter((crew) => crew !== undefined))];
  const hasCrews = names.length > 0;
  const firstDays = sections.map(({ firstDay }) => firstDay ?? 1);
  const days = sections.map(({ height, firstDay = 1 }) =>
    height < 30 ? firstDay + 29 - height : 0,
  );
  const head = new TextEncoder().encode(
    JSON.stringify({
      version: 7,
      days: Math.max(0, ...days),
      profiles: Object.entries(profiles).map(([number, all]) => [Number(number), all.length]),
      crews: hasCrews && rule !== "number" ? names : rule,
    }),
  );
  const body = 4 + Math.ceil(head.length / 4) * 4;
  const words = sections.length * (hasCrews ? 8 : 4);
  const buffer = new ArrayBuffer(body + words + sections.length);
  new DataView(buffer).setUint32(0, head.length, true);
  new Uint8Array(buffer).set(head, 4);
  new Uint32Array(buffer, body, sections.length).set(firstDays);
  if (hasCrews) {
    const crews = sections.map(({ crew }) =>
      rule === "number" ? Number(crew ?? 0) : names.indexOf(crew ?? "") + 1,
    );
    new Uint32Array(buffer, body + 4 * sections.length, sections.length).set(crews);
  }
  new Uint8Array(buffer, body + words).set(sections.map(({ height }) => height));
  return buffer;
}

/** The exercise's wall, crew per section. */
export const EXERCISE = packPicture({
  1: [21, 25, 28].map((height) => ({ height })),
  2: [{ height: 17 }],
  3: [17, 22, 17, 19, 17].map((height) => ({ height })),
});
