// The messages of undici 5 to 8 on their diagnostics channels, as far as they are used here.

/** A request that is announced before it is sent. */
export interface UndiciRequest {
  readonly path: string;
  /** Names and values alternately; up to version 6, the text of the header section. */
  headers: unknown[] | string;
  addHeader(name: string, value: string): unknown;
}

export interface UndiciResponse {
  readonly statusCode?: unknown;
  /** Names and values alternately. */
  readonly headers?: unknown;
}

/** A message of unknown form. Reading a missing member throws, and `subscriber` skips the message. */
interface Message {
  readonly request: { readonly origin?: unknown; readonly headers?: unknown };
}

/** Returns the origin of a request. It must be fast, because the channel announces every request of the process. */
export function originOf(message: unknown): string | undefined {
  // Plain access takes a fraction of the time of a check at each step.
  const { origin } = (message as Message).request;
  if (typeof origin === "string") return origin;
  return origin instanceof URL ? origin.origin : undefined;
}

/** The user agents of Node's own `fetch`, and of this package at a token endpoint. */
const agentsOfGlobalFetch: readonly unknown[] = ["node", "mcp-auth-runtime"];

/**
 * Whether Node's own `fetch` makes a request, judged by the headers that it sets. It is called for each request of the
 * process, so it does not search for other spellings of the header.
 */
export function isOfGlobalFetch(message: unknown): boolean {
  const { headers } = (message as Message).request;
  return Array.isArray(headers) && agentsOfGlobalFetch.includes(headers[headers.indexOf("user-agent") + 1]);
}

/** Returns the request of a message, or `undefined` for an unknown form, which a later version of undici may have. */
export function requestOf(message: unknown): UndiciRequest | undefined {
  const request = memberOf(message, "request");
  if (typeof request !== "object" || request === null) return undefined;
  const { path, headers, addHeader } = request as Partial<Record<keyof UndiciRequest, unknown>>;
  const isRequest =
    typeof path === "string" &&
    (typeof headers === "string" || Array.isArray(headers)) &&
    typeof addHeader === "function";
  // Each member was checked.
  return isRequest ? (request as UndiciRequest) : undefined;
}

export function responseOf(message: unknown): UndiciResponse {
  const response = memberOf(message, "response");
  // Its members are checked where they are used.
  return typeof response === "object" && response !== null ? response : {};
}

export function headerIn({ headers }: UndiciRequest, name: string): string | undefined {
  if (typeof headers === "string") return new RegExp(`^${name}: ?(.*)$`, "im").exec(headers)?.[1];
  const [index] = indexesOf(name, headers);
  return index === undefined ? undefined : String(headers[index]);
}

/** Sets the header and removes all others with this name. */
export function setAuthorization(request: UndiciRequest, value: string): void {
  const { headers } = request;
  if (typeof headers === "string") request.headers = headers.replaceAll(/^authorization:.*\r?\n/gim, "");
  else for (const index of indexesOf("authorization", headers).reverse()) headers.splice(index - 1, 2);
  request.addHeader("authorization", value);
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

/** Returns the indexes of the values of a header. */
function indexesOf(wanted: string, headers: readonly unknown[]): number[] {
  return headers.flatMap((_, index) =>
    index % 2 === 1 && String(headers[index - 1]).toLowerCase() === wanted ? [index] : [],
  );
}
