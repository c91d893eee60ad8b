import { expect, test } from "vitest";
import { readInit } from "../../../src/http/read-init.js";
import { parseRequest } from "../../../src/http/replayable-request.js";
import type { FetchFunction } from "../../../src/net/bounded-fetch.js";

const url = "https://mcp.example/mcp";

/** Returns the request that `fetch` gets. */
async function sent(...given: Parameters<typeof parseRequest>): Promise<Request> {
  let request: Request | undefined;
  const outgoing = parseRequest(...given);
  const fetch: FetchFunction = async (input, init) => {
    request = new Request(input, init);
    return new Response();
  };
  await outgoing.send(fetch, outgoing.url, outgoing.headers);
  expect(request?.method).toBe(outgoing.method);
  return request ?? expect.unreachable();
}

const members = {
  method: "DELETE",
  body: "b",
  headers: { "x-own": "1" },
  integrity: "sha256-x",
  keepalive: true,
} as const;

class Settings {
  readonly #given: Readonly<Record<string, unknown>>;
  readonly reads: string[] = [];
  constructor(given: Readonly<Record<string, unknown>>) {
    this.#given = given;
  }
  read(name: string): unknown {
    this.reads.push(name);
    return this.#given[name];
  }
}
for (const name of ["method", "body", "headers", "integrity", "keepalive", "signal", "redirect"]) {
  Object.defineProperty(Settings.prototype, name, {
    get(this: Settings) {
      return this.read(name);
    },
  });
}

test.each<[string, () => object]>([
  ["an object has itself", () => ({ ...members })],
  ["an object inherits", () => Object.create(members)],
  ["a class defines as accessors", () => new Settings(members)],
  ["are not enumerable", () => Object.create(null, Object.getOwnPropertyDescriptors(hidden()))],
  ["a function has", () => Object.assign(() => {}, members)],
])("`init` is read as `fetch` reads it, with members that %s", async (_, make) => {
  for (const input of [url, new URL(url), new Request(url, { headers: { "x-own": "of the request" } })]) {
    const request = await sent(input, make() as RequestInit); // As JavaScript passes it.
    expect(request).toMatchObject({ method: "DELETE", integrity: "sha256-x", keepalive: true });
    expect(request.headers.get("x-own")).toBe("1");
    expect(await request.text()).toBe("b");
  }
});

function hidden(): object {
  const object = {};
  for (const [name, value] of Object.entries(members)) Object.defineProperty(object, name, { value });
  return object;
}

test("each member is read once, however often the request is sent", async () => {
  const settings = new Settings({ ...members, method: "POST", redirect: "follow" });
  const outgoing = parseRequest(url, settings as RequestInit); // As JavaScript passes it.
  const fetch: FetchFunction = async () => new Response();
  await outgoing.send(fetch, outgoing.url, outgoing.headers);
  await outgoing.send(fetch, outgoing.url, outgoing.headers);
  await outgoing.asGet(outgoing.headers).send(fetch, outgoing.url, outgoing.headers);
  expect(settings.reads.toSorted()).toEqual(
    ["body", "headers", "integrity", "keepalive", "method", "redirect", "signal"].toSorted(),
  );
});

test("members that only the caller's own `fetch` supports are passed on, inherited or not", async () => {
  const mark = Symbol("mark");
  const dispatcher = { dispatch() {} };
  const init = Object.assign(Object.create({ next: { revalidate: 1 }, dispatcher }), { cf: 1, [mark]: 2 });
  let got: unknown;
  const outgoing = parseRequest(url, init);
  await outgoing.send(
    async (_input, given) => {
      got = given;
      return new Response();
    },
    outgoing.url,
    outgoing.headers,
  );
  expect(got).toMatchObject({ next: { revalidate: 1 }, cf: 1, [mark]: 2, dispatcher, cache: "no-store" });
});

test("a redirect to a GET drops the body and keeps the other members", async () => {
  const outgoing = parseRequest(url, Object.create({ ...members, method: "POST" }));
  let got: RequestInit | undefined;
  const get = outgoing.asGet(new Headers());
  await get.send(
    async (_input, init) => {
      got = init;
      return new Response();
    },
    get.url,
    get.headers,
  );
  expect(got).toMatchObject({ method: "GET", integrity: "sha256-x", redirect: "manual" });
  expect(got).not.toHaveProperty("body");
});

test.each([
  [undefined, {}],
  [null, {}],
  [{ method: undefined, signal: undefined }, {}],
  [{ method: "PUT", toString: undefined }, { method: "PUT" }],
])("the init %o is read as %o", (init, read) => {
  expect(readInit(init as RequestInit | null | undefined)).toEqual(read); // As JavaScript passes it.
});

test("an accessor that throws makes the call throw the same error", () => {
  const settings = {
    get method(): string {
      throw new RangeError("its own");
    },
  };
  expect(() => parseRequest(url, settings)).toThrow(RangeError);
});

test("a method that is not a string is converted to one, once", async () => {
  let reads = 0;
  const method = {
    toString() {
      reads += 1;
      return "delete";
    },
  };
  // As JavaScript passes it.
  expect((await sent(url, { method } as unknown as RequestInit)).method).toBe("DELETE");
  expect(reads).toBe(1);
});
