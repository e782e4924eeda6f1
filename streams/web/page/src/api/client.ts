/** Asking the API: JSON in and out, and problem details (RFC 9457) as errors. */

export interface BadLine {
  line: number;
  column: number;
  detail: string;
}

/** Why the API, or the network, gave no answer: in the API's own words where it has some. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    readonly status: number,
    readonly detail: string,
    /** Each bad line of an upload. */
    readonly lines: readonly BadLine[] = [],
  ) {
    super(detail);
  }
}

/** Ask for JSON. Raises a Problem, or an AbortError if the signal says so. */
export async function getJson<Answer>(path: string, signal?: AbortSignal): Promise<Answer> {
  return (await (await ask(path, signal ? { signal } : {})).json()) as Answer;
}

/** Ask for bytes. */
export async function getBytes(path: string, signal?: AbortSignal): Promise<ArrayBuffer> {
  return (await ask(path, signal ? { signal } : {})).arrayBuffer();
}

/** Write something; the answer is JSON. */
export async function send<Answer>(
  method: "POST" | "PUT" | "DELETE",
  path: string,
  body?: string | object,
  signal?: AbortSignal,
): Promise<Answer> {
  const headers: Record<string, string> = {
    "Content-Type": typeof body === "string" ? "text/plain; charset=utf-8" : "application/json",
  };
  const token = sessionStorage.getItem("token");
  if (token) headers["Authorization"] = `Bearer ${token}`;
  const text = typeof body === "object" ? JSON.stringify(body) : (body ?? null);
  const answer = await ask(path, { method, headers, body: text, ...(signal && { signal }) });
  return (await answer.json()) as Answer;
}

/** Lines of JSON as they come. */
export async function* getLines<Line>(path: string, signal: AbortSignal): AsyncGenerator<Line> {
  const { body } = await ask(path, { signal });
  if (!body) return;
  let rest = "";
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    const lines = (rest + chunk.value).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line) yield JSON.parse(line) as Line;
  }
  if (rest) yield JSON.parse(rest) as Line;
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    // Relative to the page, so that it also works behind a proxy's path.
    answer = await fetch(path, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, "thewall web does not answer; is it running? The page goes on trying");
  }
  if (!answer.ok) throw await problemOf(answer);
  return answer;
}

async function problemOf(answer: Response): Promise<Problem> {
  try {
    const { detail, title, errors } = await answer.json();
    return new Problem(answer.status, detail ?? title ?? answer.statusText, errors ?? []);
  } catch {
    return new Problem(answer.status, `${answer.status} ${answer.statusText}`);
  }
}
