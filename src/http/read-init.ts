/** The members of the dictionary `RequestInit` (Fetch standard §5.4), and those of Node's `fetch`. */
const memberNames = [
  ...[
    "body",
    "cache",
    "credentials",
    "dispatcher",
    "duplex",
    "headers",
    "integrity",
    "keepalive",
    "method",
    "mode",
  ],
  ...["priority", "redirect", "referrer", "referrerPolicy", "signal", "window"],
];

/**
 * Reads `init` as `fetch` does (Web IDL §3.2.17): each member once and by property access, so that inherited members
 * and accessors count. `undefined` means absent. All enumerable members are kept, because the caller's own `fetch` may
 * support more of them. Copies a body that the caller can change later. Throws `TypeError` for a value that is not an
 * object.
 */
export function readInit(init: RequestInit | null | undefined): RequestInit {
  if (init === undefined || init === null) return {};
  if (typeof init !== "object" && typeof init !== "function") {
    throw new TypeError("The `init` of a fetch must be an object.");
  }
  const names = new Set<string | symbol>(memberNames);
  for (const name in init) names.add(name);
  for (const name of Object.getOwnPropertySymbols(init)) {
    if (Object.prototype.propertyIsEnumerable.call(init, name)) names.add(name);
  }
  const members: [string | symbol, unknown][] = [];
  for (const name of names) {
    const value: unknown = Reflect.get(init, name);
    if (value !== undefined) members.push([name, name === "body" ? copyOf(value) : value]);
  }
  // The members are those of the `RequestInit` of the caller.
  return Object.fromEntries(members) as RequestInit;
}

/** Copies the body, because the caller may change it after `fetch` has returned. */
function copyOf(body: unknown): unknown {
  if (body instanceof ArrayBuffer) return body.slice(0);
  if (ArrayBuffer.isView(body)) {
    return new Uint8Array(new Uint8Array(body.buffer, body.byteOffset, body.byteLength));
  }
  return body instanceof URLSearchParams ? new URLSearchParams(body) : body;
}
