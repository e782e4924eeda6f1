/** Asking the API: paths and answers as its OpenAPI description has them, problems as errors. */

import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type BadPlace = Schemas["BadPlace"];

type Method = "get" | "post" | "put" | "delete";
/** The paths that take a method. */
type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P][M] extends { responses: unknown } ? P : never;
}[keyof paths];
type Operation<M extends Method, P extends keyof paths> = Exclude<paths[P][M], undefined>;
type Parameters<O> = O extends { parameters: infer Given } ? Given : never;
/** What a path needs to be asked: `path` and `query`, as far as it has them. */
export type Asked<M extends Method, P extends keyof paths> = Pick<
  Parameters<Operation<M, P>>,
  keyof Parameters<Operation<M, P>> & ("path" | "query")
>;
type Contents<O> = O extends { responses: infer All }
  ? { [Status in keyof All]: Status extends 200 | 202 ? ContentOf<All[Status]> : never }[keyof All]
  : never;
type ContentOf<R> = R extends { content: { "application/json": infer Content } } ? Content : never;
/** What a line of an answer in NDJSON is. */
type Line<P extends keyof paths> =
  Operation<"get", P> extends {
    responses: { 200: { content: { "application/x-ndjson": infer Content } } };
  }
    ? Content
    : never;
export type Answer<M extends Method, P extends keyof paths> = Contents<Operation<M, P>>;

/** Why the API, or the network, gave no answer: in the API's own words where it has some. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    /** HTTP status; 0 if there was no answer. */
    readonly status: number,
    readonly detail: string,
    /** Each bad place of what was sent. */
    readonly places: readonly BadPlace[] = [],
  ) {
    super(detail);
  }
}

/** Ask for JSON. Raises a Problem, or an AbortError if the signal says so. */
export async function get<P extends PathOf<"get">>(
  path: P,
  asked: Asked<"get", P>,
  signal?: AbortSignal,
): Promise<Answer<"get", P>> {
  const answer = await ask(addressOf(path, asked), signal ? { signal } : {});
  return (await answer.json()) as Answer<"get", P>;
}

/** Ask for bytes. */
export async function getBytes<P extends PathOf<"get">>(
  path: P,
  asked: Asked<"get", P>,
  signal?: AbortSignal,
): Promise<ArrayBuffer> {
  return (await ask(addressOf(path, asked), signal ? { signal } : {})).arrayBuffer();
}

/** Ask for JSON objects, one a line, as they are computed. */
export async function* getLines<P extends PathOf<"get">>(
  path: P,
  asked: Asked<"get", P>,
  signal: AbortSignal,
): AsyncGenerator<Line<P>> {
  const { body } = await ask(addressOf(path, asked), { signal });
  if (!body) return;
  let rest = "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    const lines = (rest + chunk.value).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line) yield JSON.parse(line);
  }
  if (rest) yield JSON.parse(rest);
}

/** Write something: text, or an object that is sent as JSON. */
export async function write<M extends "post" | "put" | "delete", P extends PathOf<M>>(
  method: M,
  path: P,
  asked: Asked<M, P>,
  body?: string | object,
  signal?: AbortSignal,
): Promise<Answer<M, P>> {
  const headers = new Headers();
  if (body !== undefined) {
    const kind = typeof body === "string" ? "text/plain; charset=utf-8" : "application/json";
    headers.set("Content-Type", kind);
  }
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  const text = typeof body === "object" ? JSON.stringify(body) : (body ?? null);
  const init = { method: method.toUpperCase(), headers, body: text, ...(signal && { signal }) };
  return (await ask(addressOf(path, asked), init)).json();
}

/** Where this tab keeps the token that writes need beyond loopback. */
export const TOKEN = "token";

/** Fill in a path. Relative to the page, so that it also works behind a proxy's path. */
export function addressOf(
  path: string,
  asked: { path?: object | undefined; query?: object | undefined },
): string {
  const given = new Map(Object.entries(asked.path ?? {}));
  const filled = path
    .slice(1)
    .replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(given.get(name))));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(asked.query ?? {})) {
    if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
  }
  return query.size ? `${filled}?${query}` : filled;
}

async function ask(address: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(address, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, "The web process does not answer. The page goes on trying.");
  }
  if (!answer.ok) throw await problemOf(answer);
  return answer;
}

async function problemOf(answer: Response): Promise<Problem> {
  try {
    const { detail, errors } = (await answer.json()) as Schemas["Problem"];
    return new Problem(answer.status, detail, errors ?? []);
  } catch {
    return new Problem(answer.status, `The answer was ${answer.status} ${answer.statusText}`);
  }
}
