/** What undici 5 to 8 publish on their diagnostics channels, as far as it is used here. */

/** A request as it is announced, before it is sent. */
export interface UndiciRequest {
  readonly path: string;
  /** Names and values in turn; until version 6 the text of the header section. */
  headers: unknown[] | string;
  addHeader(name: string, value: string): unknown;
}

export interface UndiciResponse {
  readonly statusCode?: unknown;
  /** Names and values in turn. */
  readonly headers?: unknown;
}

/** A message, of which nothing is known. What is not there throws, which `subscriber` takes for a message to pass over. */
interface Message {
  readonly request: { readonly origin?: unknown; readonly headers?: unknown };
}

/** The origin of a request, looked at first of all, since every request of the process is announced. */
export function originOf(message: unknown): string | undefined {
  // By plain access, which takes a fraction of the time that a check of each step does.
  const { origin } = (message as Message).request;
  if (typeof origin === "string") return origin;
  return origin instanceof URL ? origin.origin : undefined;
}

/** What the `fetch` that Node has built in says of itself, and what we say at a token endpoint. */
const agentsOfGlobalFetch: readonly unknown[] = ["node", "mcp-auth-runtime"];

/**
 * Whether the `fetch` that Node has built in makes a request, with headers as it sets them itself. Looked at for each request of
 * the process, so without a search for other spellings.
 */
export function isOfGlobalFetch(message: unknown): boolean {
  const { headers } = (message as Message).request;
  return Array.isArray(headers) && agentsOfGlobalFetch.includes(headers[headers.indexOf("user-agent") + 1]);
}

/** What a version that is not known yet may publish there is left alone. */
export function requestOf(message: unknown): UndiciRequest | undefined {
  const request = memberOf(message, "request");
  if (typeof request !== "object" || request === null) return undefined;
  const { path, headers, addHeader } = request as Partial<Record<keyof UndiciRequest, unknown>>;
  const isRequest =
    typeof path === "string" &&
    (typeof headers === "string" || Array.isArray(headers)) &&
    typeof addHeader === "function";
  // Each member was looked at.
  return isRequest ? (request as UndiciRequest) : undefined;
}

export function responseOf(message: unknown): UndiciResponse {
  const response = memberOf(message, "response");
  // Its members are looked at where they are used.
  return typeof response === "object" && response !== null ? response : {};
}

export function headerIn({ headers }: UndiciRequest, name: string): string | undefined {
  if (typeof headers === "string") return new RegExp(`^${name}: ?(.*)$`, "im").exec(headers)?.[1];
  const [place] = placesOf(name, headers);
  return place === undefined ? undefined : String(headers[place]);
}

/** Sets the header, in the place of every one of this name. */
export function setAuthorization(request: UndiciRequest, value: string): void {
  const { headers } = request;
  if (typeof headers === "string") request.headers = headers.replaceAll(/^authorization:.*\r?\n/gim, "");
  else for (const place of placesOf("authorization", headers).reverse()) headers.splice(place - 1, 2);
  request.addHeader("authorization", value);
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

/** Where the values are. */
function placesOf(wanted: string, headers: readonly unknown[]): number[] {
  return headers.flatMap((_, index) =>
    index % 2 === 1 && String(headers[index - 1]).toLowerCase() === wanted ? [index] : [],
  );
}
