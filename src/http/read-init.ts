/** The members of the dictionary `RequestInit` (Fetch standard §5.4), and those of Node's `fetch`. */
const members = [
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
 * Reads `init` as `fetch` does (Web IDL §3.2.17): each member once, by property access, so that inherited ones and accessors
 * count, and `undefined` is as good as absent. A `fetch` of the caller's may know further members: whatever can be
 * enumerated is taken along. What a body holds is copied where it can change. Throws `TypeError` for what is no object.
 */
export function readInit(init: RequestInit | null | undefined): RequestInit {
  if (init === undefined || init === null) return {};
  if (typeof init !== "object" && typeof init !== "function") {
    throw new TypeError("The `init` of a fetch is an object.");
  }
  const names = new Set<string | symbol>(members);
  for (const name in init) names.add(name);
  for (const name of Object.getOwnPropertySymbols(init)) {
    if (Object.prototype.propertyIsEnumerable.call(init, name)) names.add(name);
  }
  const read: [string | symbol, unknown][] = [];
  for (const name of names) {
    const value: unknown = Reflect.get(init, name);
    if (value !== undefined) read.push([name, name === "body" ? asItIs(value) : value]);
  }
  // What the caller called a `RequestInit`, member by member.
  return Object.fromEntries(read) as RequestInit;
}

/** The caller may use a buffer again once `fetch` has returned. */
function asItIs(body: unknown): unknown {
  if (body instanceof ArrayBuffer) return body.slice(0);
  if (ArrayBuffer.isView(body)) {
    return new Uint8Array(new Uint8Array(body.buffer, body.byteOffset, body.byteLength));
  }
  return body instanceof URLSearchParams ? new URLSearchParams(body) : body;
}
