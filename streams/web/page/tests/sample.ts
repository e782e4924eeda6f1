/** A picture as the API packs it. */

export interface Section {
  height: number;
  firstDay?: number;
  crew?: string;
}

/** Pack profiles, given by number as their sections; crews are derived if no section names one. */
export function packPicture(profiles: Record<number, Section[]>): ArrayBuffer {
  const sections = Object.values(profiles).flat();
  const names = [...new Set(sections.map(({ crew }) => crew ?? ""))];
  const derived = sections.every(({ crew }) => crew === undefined);
  const head = new TextEncoder().encode(
    JSON.stringify({
      version: 7,
      profiles: Object.entries(profiles).map(([number, all]) => [Number(number), all.length]),
      crews: derived ? "derived" : names,
    }),
  );
  const body = 4 + Math.ceil(head.length / 4) * 4;
  const words = sections.length * (derived ? 4 : 8);
  const buffer = new ArrayBuffer(body + words + sections.length);
  new DataView(buffer).setUint32(0, head.length, true);
  new Uint8Array(buffer).set(head, 4);
  const first = sections.map(({ firstDay }) => firstDay ?? 1);
  new Uint32Array(buffer, body, sections.length).set(first);
  if (!derived) {
    const crews = sections.map(({ crew }) => names.indexOf(crew ?? ""));
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
