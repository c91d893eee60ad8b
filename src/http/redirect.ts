/** Redirects that one call follows. No server needs more. */
export const redirectLimit = 5;

const redirectStatus = new Set([301, 302, 303, 307, 308]);

/** Returns the target of a redirect, `undefined` for any other response. */
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

/** Returns the headers of a request without those that describe its body. */
export function withoutBodyHeaders(from: Headers): Headers {
  const headers = new Headers(from);
  for (const name of bodyHeaders) headers.delete(name);
  return headers;
}
