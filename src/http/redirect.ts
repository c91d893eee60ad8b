/** More than any server needs, and an end to every loop. */
export const redirectLimit = 5;

const redirectStatus = new Set([301, 302, 303, 307, 308]);

/** Where a response points to, or `undefined` when it is not a redirect. */
export function redirectTarget(response: Response, from: URL): URL | undefined {
  if (!redirectStatus.has(response.status)) return undefined;
  const location = response.headers.get("location");
  if (location === null || !URL.canParse(location, from.href)) return undefined;
  return new URL(location, from);
}

/** Whether a redirect turns the request into a GET without a body (Fetch standard, HTTP-redirect fetch, step 12). */
export function becomesGet(status: number, method: string): boolean {
  if (status === 303) return method !== "GET" && method !== "HEAD";
  return (status === 301 || status === 302) && method === "POST";
}

const bodyHeaders = [
  "content-encoding",
  "content-language",
  "content-location",
  "content-type",
  "content-length",
];

/** The headers of a request whose body was left out. */
export function withoutBodyHeaders(from: Headers): Headers {
  const headers = new Headers(from);
  for (const name of bodyHeaders) headers.delete(name);
  return headers;
}
