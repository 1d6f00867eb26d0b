/** Typed calls of the admin plane, which is where this page came from. */
import type { paths } from "./schema";

type Path = keyof paths & `/api/${string}`;
type Gettable = { [P in Path]: paths[P] extends { get: { responses: unknown } } ? P : never }[Path];
type Answer<P extends Gettable> = paths[P] extends {
  get: { responses: { 200: { content: { "application/json": infer Body } } } };
}
  ? Body
  : never;
type Values = Record<string, string | number | undefined>;

/** The balancer answered, and it was a refusal; `detail` says why, in words for people. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
  ) {
    super(detail);
  }
}

/** Nobody answered. */
export class Unreachable extends Error {}

/** `url("/api/runs/{run}", { run: 7, limit: 5 })` is `/api/runs/7?limit=5`. */
export function url(path: Path, values: Values = {}): string {
  const left = new Map(Object.entries(values).filter(([, value]) => value !== undefined));
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = left.get(name);
    left.delete(name);
    return encodeURIComponent(String(value));
  });
  const query = new URLSearchParams([...left].map(([name, value]) => [name, String(value)]));
  return query.size > 0 ? `${filled}?${query}` : filled;
}

export async function get<P extends Gettable>(
  path: P,
  values?: Values,
  signal?: AbortSignal,
): Promise<Answer<P>> {
  return (await answered(url(path, values), signal ? { signal } : {})) as Answer<P>;
}

export async function post<Body>(path: Path, body: unknown, signal?: AbortSignal): Promise<Body> {
  const headers = { "Content-Type": "application/json" };
  const request = { method: "POST", headers, body: JSON.stringify(body) };
  return (await answered(path, signal ? { ...request, signal } : request)) as Body;
}

/** Have something done, at a path whose parts are encoded; what is answered is of no interest. */
export async function act(path: string): Promise<void> {
  await answered(path, { method: "POST" });
}

/** Change some of what is at a path, which has one part that differs. */
export async function change(path: Path, part: string, body: unknown): Promise<void> {
  const headers = { "Content-Type": "application/json" };
  await answered(filled(path, part), { method: "PATCH", headers, body: JSON.stringify(body) });
}

export async function remove(path: Path, part: string): Promise<void> {
  await answered(filled(path, part), { method: "DELETE" });
}

const filled = (path: Path, part: string): string =>
  path.replace(/\{\w+\}/, encodeURIComponent(part));

/** Whoever is not signed in any more gets the form in place of the page. */
export function signInAgain(): void {
  window.location.reload();
}

async function answered(address: string, request: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(address, request);
  } catch (error) {
    if (request.signal?.aborted) throw error;
    throw new Unreachable("The balancer does not answer.");
  }
  if (response.status === 401) signInAgain();
  if (response.status === 204) return undefined;
  if (response.ok) return response.json();
  const problem = (await response.json().catch(() => ({}))) as { detail?: string };
  throw new Refused(response.status, problem.detail ?? response.statusText);
}
