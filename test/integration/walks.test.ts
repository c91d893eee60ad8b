// Compares the walks of ARCHITECTURE.md with stacks that are recorded while the program does what they describe.

import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { run } from "../../src/cli/main.js";
import { createMcpAuth, type McpAuth } from "../../src/index.js";
import { systemClock } from "../../src/lib/clock.js";
import { WalkRecorder, type WalkStep } from "../support/recorded-walk.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { sendToken, startScriptedIssuer } from "./harness.js";

const page = await readFile(new URL("../../ARCHITECTURE.md", import.meta.url), "utf8");

/** The steps that the page lists below a heading: "1. `name()` in `file`: …". */
function listed(heading: string): string[] {
  const [, section = ""] = page.split(`### ${heading}\n`);
  const [own = ""] = section.split(/^##+ /m);
  return [...own.matchAll(/^\d+\. `([^`]+)\(\)` in\s+`([^`]+)`/gm)].map(
    ([, name = "", file = ""]) => `${name} in ${file}`,
  );
}

/** Without the class of the object that a function was called on, if another file declares the class. */
function ownName(name: string, file: string): string {
  const [owner, method] = name.split(".");
  if (owner === undefined || method === undefined) return name;
  return readFileSync(new URL(`../../${file}`, import.meta.url), "utf8").includes(`class ${owner}`)
    ? name
    : method;
}

/** One line a step. A function that calls itself is one step. */
function shown(steps: readonly WalkStep[]): string[] {
  const lines = steps.map(({ name, file }) => `${ownName(name, file)} in ${file}`);
  return lines.filter((line, index) => line !== lines[index - 1]);
}

/** The steps from the first call of one function on; of the one in `file` if others have the same name. */
function from(name: string, steps: readonly WalkStep[], file?: string): readonly WalkStep[] {
  const index = steps.findIndex((step) => step.name === name && (file ?? step.file) === step.file);
  if (index === -1) throw new Error(`${name} is not on the stack:\n${shown(steps).join("\n")}`);
  return steps.slice(index);
}

interface Recorded {
  readonly auth: McpAuth<"tools">;
  readonly url: string;
  readonly recorder: WalkRecorder;
  /** The walk to each token request so far. */
  readonly tokenRequests: readonly WalkRecorder[];
  /** The stack at each request to the MCP server so far. */
  readonly calls: readonly (readonly WalkStep[])[];
  /** The stack at the last read of the client secret. */
  readonly secretRead: () => readonly WalkStep[];
}

/** A server whose client authenticates with `client_secret_basic`; its first token is refused by the MCP server. */
async function recorded(): Promise<Recorded> {
  let tokens = 0;
  const { config, env, server, url } = await startScriptedIssuer(
    (_request, response) => {
      tokens += 1;
      sendToken(response, `token-${tokens}`);
    },
    (request, response) => {
      response.statusCode = request.headers.authorization === "Bearer token-1" ? 401 : 200;
      response.end();
    },
  );
  const recorder = new WalkRecorder();
  const tokenRequests: WalkRecorder[] = [];
  const calls: (readonly WalkStep[])[] = [];
  let secretRead: readonly WalkStep[] = [];
  const variables = Object.defineProperty({ ...env }, "SECRET", {
    enumerable: true,
    get() {
      recorder.mark();
      secretRead = recorder.lastStack();
      return env["SECRET"];
    },
  });
  const auth = await createMcpAuth({
    config,
    env: variables,
    clock: recorder.clock(systemClock),
    fetch(input, init) {
      recorder.mark();
      if (String(input) === `${server.origin}/token`) tokenRequests.push(recorder.copy());
      if (String(input) === url) calls.push(recorder.lastStack());
      return fetch(input, init);
    },
  });
  onTestFinished(() => auth.stop());
  recorder.clear();
  return { auth, url, recorder, tokenRequests, calls, secretRead: () => secretRead };
}

describe("the walks of ARCHITECTURE.md", () => {
  test("the walk from a server's name to the wire has the functions that run", async () => {
    const { auth, tokenRequests } = await recorded();
    await auth.resolve("tools").getAccessToken();
    expect(listed("From a server's name to the wire")).toEqual([
      "Runtime.resolve in src/runtime/runtime.ts",
      ...shown(tokenRequests[0]?.walk() ?? []),
    ]);
  });

  test("the walk from the config to the Basic header has the functions that run", async () => {
    const { auth, recorder, secretRead } = await recorded();
    let headerSet: readonly WalkStep[] = [];
    const set = Headers.prototype.set;
    vi.spyOn(Headers.prototype, "set").mockImplementation(function (this: Headers, name, value) {
      if (value.startsWith("Basic ")) {
        recorder.mark();
        headerSet = recorder.lastStack();
      }
      set.call(this, name, value);
    });
    await auth.resolve("tools").getAccessToken();
    expect(listed("A secret, from the config to the Basic header")).toEqual([
      ...shown(from("sendTokenRequest", secretRead())),
      ...shown(from("sendTokenRequest", headerSet).slice(1)),
    ]);
  });

  test("the walk from a 401 to a new token has the functions that run", async () => {
    const { auth, url, tokenRequests, calls, recorder } = await recorded();
    const tools = auth.resolve("tools");
    await tools.getAccessToken();
    recorder.clear();
    expect((await tools.fetch(url)).status).toBe(200);
    const walk = tokenRequests[1]?.walk() ?? [];
    const end = walk.findIndex(({ name }) => name === "getTokenFromGrant");
    expect(listed("A 401, back to a new token")).toEqual([
      ...shown(walk.slice(0, end + 1)),
      ...shown(calls[1] ?? []),
    ]);
  });

  test("the walk from a mistake in the config to the printed line has the functions that run", async () => {
    const folder = await temporaryFolder();
    const config = {
      servers: { crm: { url: "${CRM_URL}", grant: { type: "static", token: { env: "T" } } } },
    };
    await writeFile(join(folder, "mcp-auth.config.json"), JSON.stringify(config));
    const recorder = new WalkRecorder();
    let found: readonly WalkStep[] = [];
    let printed: readonly WalkStep[] = [];
    const replaceAll = String.prototype.replaceAll;
    // Only the interpolation looks for variables in this text.
    vi.spyOn(String.prototype, "replaceAll").mockImplementation(function (this: string, ...given) {
      if (String(this) === "${CRM_URL}") {
        recorder.mark();
        found = recorder.lastStack();
      }
      return Reflect.apply(replaceAll, this, given);
    });
    const code = await run(["validate"], {
      ...{ cwd: folder, env: {}, color: false, err: () => {}, signal: new AbortController().signal },
      out() {
        recorder.mark();
        printed = recorder.lastStack();
      },
    });
    expect(code).toBe(2);
    expect(listed("A mistake in the config, to the printed line")).toEqual([
      ...shown(from("run", found, "src/cli/validate.ts")),
      ...shown(from("run", printed, "src/cli/validate.ts").slice(1)),
    ]);
  });
});
