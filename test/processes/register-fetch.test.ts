// The `fetch` of `mcp-auth-runtime/register` behaves as programs expect of the global fetch.
import type { ServerResponse } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { type ScriptedIssuer, sendToken, startScriptedIssuer } from "../integration/harness.js";
import { createProject, type Ended, printed, registerFlag } from "../integration/register-project.js";
import { type RecordedRequest, sendJson } from "../support/http-server.js";

type Answer = (request: RecordedRequest, response: ServerResponse) => void;

interface Setting {
  readonly issuer: ScriptedIssuer;
  /** Runs a program and returns the JSON that it prints. Throws if it fails. */
  run(agent: string, flags?: readonly string[]): Promise<unknown>;
  ended(agent: string, flags?: readonly string[]): Promise<Ended>;
}

/** Starts an authorization server and, at its origin, an MCP server that echoes method, body and Authorization. */
async function startSetting(answer: Answer = echo): Promise<Setting> {
  const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t1"), answer);
  const project = await createProject(issuer.config, issuer.env);
  const ended: Setting["ended"] = async (agent, flags = registerFlag) => {
    const start = `const url = ${JSON.stringify(issuer.url)}; const origin = ${JSON.stringify(issuer.server.origin)};\n`;
    await project.write("agent.mjs", start + agent);
    return await project.run({ flags });
  };
  return { issuer, ended, run: async (agent, flags) => printed(await ended(agent, flags)) };
}

function echo({ method, url, body, headers }: RecordedRequest, response: ServerResponse): void {
  const { authorization = null, "content-type": type = null } = headers;
  sendJson(response, { method, url, body, type, authorization });
}

/** Returns the requests to the MCP server. */
function calls({ server }: ScriptedIssuer): RecordedRequest[] {
  return server.requests.filter(({ url }) => url.startsWith("/mcp"));
}

const bearer = "Bearer t1";

describe("the properties of the registered fetch", () => {
  test("the registered fetch has the name, length, members and global descriptor of the original", async () => {
    const { run } = await startSetting();
    const agent = `
      const { value, ...descriptor } = Object.getOwnPropertyDescriptor(globalThis, "fetch");
      const members = Object.getOwnPropertyNames(value).filter((name) => name !== "prototype");
      console.log(JSON.stringify({
        descriptor,
        names: [value.name, typeof value, value.length, members.sort()],
        isEnumerable: Object.keys(globalThis).includes("fetch"),
        keys: Object.keys(value),
      }));`;
    expect(await run(agent)).toEqual(await run(agent, []));
  });

  test("the registered fetch can be replaced, and an early reference to it keeps working", async () => {
    const { run } = await startSetting();
    const agent = `
      const { fetch: kept } = globalThis;
      const seen = [];
      globalThis.fetch = (...args) => { if (args[0] === url) seen.push(url); return kept(...args); };
      const { authorization } = await (await fetch(url)).json();
      const again = await (await kept(url)).json();
      console.log(JSON.stringify({ seen: seen.length, authorization, again: again.authorization }));`;
    expect(await run(agent)).toEqual({ seen: 1, authorization: bearer, again: bearer });
  });

  test("the registered fetch throws the original errors for other URLs and invalid arguments", async () => {
    const { run, issuer } = await startSetting();
    const agent = `
      const refused = "http://127.0.0.1:1/";
      const throws = { toString() { throw new RangeError("no text"); } };
      const attempts = [
        () => fetch(),
        () => fetch(undefined),
        () => fetch(null),
        () => fetch(Symbol()),
        () => fetch({}),
        () => fetch(Object.create(null)),
        () => fetch(throws),
        () => fetch(""),
        () => fetch("not a URL"),
        () => fetch("/mcp"),
        () => fetch("http://"),
        () => fetch("ftp://127.0.0.1/"),
        () => fetch("http://a:b@127.0.0.1/"),
        () => fetch(refused),
        () => fetch(new URL(refused)),
        () => fetch(new Request(refused)),
        () => fetch(refused, 1),
        () => fetch(refused, { method: "TRACE" }),
        () => fetch(refused, { body: "in a GET" }),
        () => fetch(refused, { headers: { "a b": "c" } }),
        () => fetch(refused, { headers: { a: "\\n\\u0100" } }),
        () => fetch(refused, { redirect: "never" }),
        () => fetch(refused, { signal: {} }),
        () => fetch(refused, { signal: AbortSignal.abort() }),
        () => fetch(refused, { signal: AbortSignal.abort("reason") }),
        () => fetch(refused, { method: "POST", body: new ReadableStream() }),
        () => fetch.call(1, refused),
        () => fetch(origin + "/elsewhere", { method: "bad method" }),
      ];
      const said = (error, how) => typeof error === "object"
        ? { how, name: error.name, message: error.message, type: error.constructor.name, code: error.code,
            cause: error.cause && { name: error.cause.name, code: error.cause.code, message: error.cause.message } }
        : { how, error };
      const ends = [];
      for (const attempt of attempts) {
        try {
          ends.push(await attempt().then(() => "resolved", (error) => said(error, "rejected")));
        } catch (error) {
          ends.push(said(error, "thrown"));
        }
      }
      console.log(JSON.stringify(ends));`;
    const bare = await run(agent, []);
    expect(bare).not.toContain("resolved");
    expect(await run(agent)).toEqual(bare);
    expect(calls(issuer)).toEqual([]);
  });

  test("the registered fetch sends requests to other URLs unchanged", async () => {
    const { run, issuer } = await startSetting();
    const agent = `
      const request = new Request(origin + "/other", { method: "PUT", body: "b", headers: { authorization: "Basic x" } });
      const response = await fetch(request);
      const { status, url: at, redirected, type } = response;
      console.log(JSON.stringify({ status, at, redirected, type, used: request.bodyUsed, said: await response.json() }));`;
    expect(await run(agent)).toEqual(await run(agent, []));
    const [first, second] = issuer.server.requests.filter(({ url }) => url === "/other");
    expect(first).toEqual(second);
    expect(first?.headers.authorization).toBe("Basic x");
  });

  test("the registered fetch keeps the caller's AsyncLocalStorage, during and after a request", async () => {
    const agent = `
      import { storage } from "./first.mjs";
      const outcome = await Promise.all(["a", "b"].map((name) => storage.run(name, async () => {
        await (await fetch(url + "/" + name)).text();
        return storage.getStore();
      })));
      console.log(JSON.stringify({ outcome, below: globalThis.below.sort() }));`;
    const first = `
      import { AsyncLocalStorage } from "node:async_hooks";
      export const storage = new AsyncLocalStorage();
      globalThis.below = [];
      const bare = globalThis.fetch;
      globalThis.fetch = (input, init) => {
        if (String(input).includes("/mcp/")) below.push(new URL(input).pathname + " " + storage.getStore());
        return bare(input, init);
      };`;
    const flags = ["--import", "./first.mjs", ...registerFlag];
    const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t1"), echo);
    const project = await createProject(issuer.config, issuer.env);
    await project.write("first.mjs", first);
    await project.write("agent.mjs", `const url = ${JSON.stringify(issuer.url)};${agent}`);
    expect(printed(await project.run({ flags }))).toEqual({
      outcome: ["a", "b"],
      below: ["/mcp/a a", "/mcp/b b"],
    });
  });
});

describe("requests of the registered fetch to a server", () => {
  test.each([
    ["a string", "url"],
    ["a URL", "new URL(url)"],
    ["an object with toString", "{ toString: () => url }"],
    ["an object with toString and Symbol.toPrimitive", "{ [Symbol.toPrimitive]: () => url }"],
    ["a String", "new String(url)"],
    ["a list of one", "[url]"],
    ["a Request", "new Request(url)"],
    ["a Request with its own headers", `new Request(url, { headers: { a: "b" } })`],
    ["a subclass of URL", "new (class extends URL {})(url)"],
    ["a subclass of Request", "new (class extends Request {})(url)"],
  ])("a request to a server with %s as input gets a token", async (_, input) => {
    const { run, issuer } = await startSetting();
    const agent = `
      const response = await fetch(${input});
      console.log(JSON.stringify([response instanceof Response, response.url, (await response.json()).authorization]));`;
    expect(await run(agent)).toEqual([true, issuer.url, bearer]);
  });

  const form = `const form = new FormData(); form.set("name", "value"); form.set("file", new Blob(["bytes"]), "f.txt");`;
  const stream = `const stream = new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("str")); c.enqueue(new TextEncoder().encode("eam")); c.close(); } });`;
  test.each([
    ["a string", "", `body: "text"`, "text", "text/plain;charset=UTF-8"],
    ["bytes", "", `body: new TextEncoder().encode("bytes")`, "bytes", null],
    ["a Blob", "", `body: new Blob(["blob"], { type: "text/x" })`, "blob", "text/x"],
    [
      "search parameters",
      "",
      `body: new URLSearchParams({ a: "b" })`,
      "a=b",
      expect.stringContaining("form-url"),
    ],
    ["a form", form, "body: form", expect.stringContaining("bytes"), expect.stringMatching(/^multipart/)],
    ["a stream", stream, `body: stream, duplex: "half"`, "stream", null],
    [
      "an iterator",
      "",
      `body: (async function* () { yield Buffer.from("it"); })(), duplex: "half"`,
      "it",
      null,
    ],
    ["nothing", "", "", "", null],
  ])(
    "a request to a server with %s as its body is sent unchanged with a token",
    async (_, before, init, body, type) => {
      const { run, issuer } = await startSetting();
      const agent = `${before}
      const sent = await fetch(url, { method: "POST", ${init} });
      console.log(JSON.stringify(await sent.json()));`;
      expect(await run(agent)).toEqual({ method: "POST", url: "/mcp", body, type, authorization: bearer });
      expect(calls(issuer)).toHaveLength(1);
    },
  );

  test("a request to a server with a Request with a stream body, or with an init that overrides the Request, gets a token", async () => {
    const { run } = await startSetting();
    const agent = `${stream}
      const request = new Request(url, { method: "POST", body: stream, duplex: "half", headers: { "content-type": "a/b" } });
      const first = await (await fetch(request)).json();
      const over = await (await fetch(new Request(url), { method: "PUT", body: "over" })).json();
      console.log(JSON.stringify([first.body, first.type, request.bodyUsed, over.method, over.body, over.authorization]));`;
    expect(await run(agent)).toEqual(["stream", "a/b", true, "PUT", "over", bearer]);
  });

  test("a request to a server ignores changes to its URL, headers and init after the call of fetch", async () => {
    const { run } = await startSetting();
    const agent = `
      const headers = new Headers({ "content-type": "a/b" });
      const init = { method: "POST", body: "before", headers };
      const target = new URL(url);
      const sent = fetch(target, init);
      headers.set("content-type", "c/d");
      init.body = "after";
      init.method = "PUT";
      target.pathname = "/elsewhere";
      console.log(JSON.stringify(await (await sent).json()));`;
    expect(await run(agent)).toEqual({
      method: "POST",
      url: "/mcp",
      body: "before",
      type: "a/b",
      authorization: bearer,
    });
  });

  test("the response to a request to a server can be read while the server writes it", async () => {
    let events: ServerResponse | undefined;
    const setting = await startSetting((request, response) => {
      if (request.url === "/mcp/next") {
        events?.end("data: two\n\n");
        return void response.end();
      }
      events = response.writeHead(200, { "content-type": "text/event-stream" });
      events.write("data: one\n\n");
    });
    const agent = `
      const response = await fetch(url);
      const chunks = [];
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        chunks.push(chunk);
        if (chunks.length === 1) await (await fetch(url + "/next")).text();
      }
      console.log(JSON.stringify(chunks));`;
    expect(await setting.run(agent)).toEqual(["data: one\n\n", "data: two\n\n"]);
  });

  test("a redirect of a server is followed on its origin, and is egress_denied to another origin", async () => {
    const other = await startSetting();
    const { run } = await startSetting((request, response) => {
      if (request.url === "/mcp") return void response.writeHead(307, { location: "/mcp/moved" }).end();
      if (request.url === "/mcp/away") {
        return void response.writeHead(307, { location: `${other.issuer.url}` }).end();
      }
      echo(request, response);
    });
    const agent = `
      const { url: at } = await (await fetch(url)).json();
      const { code } = await fetch(url + "/away").catch((error) => error);
      console.log(JSON.stringify([at, code]));`;
    expect(await run(agent)).toEqual(["/mcp/moved", "egress_denied"]);
    expect(other.issuer.server.requests).toEqual([]);
  });
});

describe("signals of requests to a server", () => {
  const ends = `const said = (error) => error instanceof Error ? [error.name, error.constructor.name] : error;`;
  test.each([
    ["that is already aborted", "AbortSignal.abort()"],
    ["that is already aborted with a reason", `AbortSignal.abort("reason")`],
    ["that is already aborted by a timeout", `AbortSignal.abort(new DOMException("late", "TimeoutError"))`],
    ["that is aborted in the same turn", "soon()"],
    ["that is aborted in the same turn with a reason", `soon("reason")`],
  ])("a request to a server with a signal %s rejects as with the original fetch", async (_, signal) => {
    const { run, issuer } = await startSetting();
    const agent = (target: string) => `${ends}
      const soon = (reason) => {
        const controller = new AbortController();
        queueMicrotask(() => controller.abort(reason));
        return controller.signal;
      };
      const init = () => ({ signal: ${signal} });
      const made = await fetch(${target}, init()).catch(said);
      const inRequest = await fetch(new Request(${target}, init())).catch(said);
      console.log(JSON.stringify([made, inRequest]));`;
    const bare = await run(agent("url"), []);
    const before = calls(issuer).length;
    expect(await run(agent("url"))).toEqual(bare);
    expect(calls(issuer)).toHaveLength(before);
  });

  test("a request to a server that is aborted during the token request rejects with AbortError", async () => {
    const issuer = await startScriptedIssuer((_request, response) => {
      hasTokenRequest = true;
      onTestFinished(() => void response.end());
    });
    let hasTokenRequest = false;
    const project = await createProject(issuer.config, issuer.env);
    await project.write(
      "agent.mjs",
      `const controller = new AbortController();
       const ended = fetch(${JSON.stringify(issuer.url)}, { signal: controller.signal }).catch(({ name }) => name);
       process.stdin.resume().once("end", () => controller.abort());
       console.log(JSON.stringify(await ended));
       process.exit();`,
    );
    const until = expect.poll(() => hasTokenRequest).toBe(true);
    expect(printed(await project.run({ until }))).toBe("AbortError");
  });

  test("a request to a server can be aborted while it waits for the response, and while the body is read", async () => {
    const { run } = await startSetting((request, response) => {
      if (request.url === "/mcp/body") response.writeHead(200).write("begun");
    });
    const agent = `
      const waiting = new AbortController();
      const inTime = fetch(url, { signal: waiting.signal }).catch(({ name }) => name);
      const reading = new AbortController();
      const response = await fetch(url + "/body", { signal: reading.signal });
      waiting.abort();
      reading.abort();
      console.log(JSON.stringify([await inTime, await response.text().catch(({ name }) => name)]));
      process.exit();`;
    expect(await run(agent)).toEqual(["AbortError", "AbortError"]);
  });
});
