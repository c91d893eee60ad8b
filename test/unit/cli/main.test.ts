import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { defineCommand } from "../../../src/cli/define-command.js";
import { detailLines } from "../../../src/cli/detail-lines.js";
import { exitCodeOf } from "../../../src/cli/exit-code.js";
import { run } from "../../../src/cli/main.js";
import { UsageError } from "../../../src/cli/options.js";
import { parseArguments } from "../../../src/cli/parse-arguments.js";
import { McpAuthError, type McpAuthErrorCode } from "../../../src/index.js";
import { sendJson, startHttpServer } from "../../support/http-server.js";
import { command, project } from "./command.js";

test("the error for a missing file of --config says that --config names it", async () => {
  const cwd = await project();
  for (const argv of [["token", "crm"], ["validate"]]) {
    const { code, out, err } = await command([...argv, "--config", "none.json"], { cwd });
    expect([code, out]).toEqual([2, ""]);
    expect(err).toBe(
      `error[config_not_found]: --config names ${join(cwd, "none.json")}, which does not exist. ` +
        "Correct the path, or create the file.\n",
    );
  }
});

test("every error code has an exit code", () => {
  const expected: Record<McpAuthErrorCode, number> = {
    config_not_found: 2,
    config_invalid: 2,
    secret_unavailable: 2,
    key_invalid: 2,
    signer_unavailable: 2,
    unknown_server: 2,
    insecure_url: 2,
    egress_denied: 2,
    sender_constrained: 2,
    discovery_failed: 3,
    issuer_mismatch: 3,
    resource_mismatch: 3,
    unsupported_by_server: 3,
    token_request_rejected: 3,
    token_response_invalid: 3,
    unauthorized: 3,
    insufficient_scope: 3,
    unavailable: 4,
    timeout: 4,
    tls_failed: 4,
    store_unavailable: 4,
    aborted: 130,
    stopped: 130,
  };
  // The keys are those of the type, which the compiler checks.
  for (const code of Object.keys(expected) as McpAuthErrorCode[]) {
    expect(exitCodeOf(code), code).toBe(expected[code]);
  }
});

describe("the details of an error from a server", () => {
  const refused = (details: Readonly<Record<string, unknown>>) =>
    new McpAuthError("token_request_rejected", "It was refused.", { details });

  test("the details of an error are printed below the message, one line per value", () => {
    expect(detailLines(refused({ error: "no_such_thing", scope: ["a", "b"] }).details)).toEqual([
      "error: no_such_thing",
      "scope: a, b",
    ]);
    expect(detailLines(new McpAuthError("aborted", "It was aborted.").details)).toEqual([]);
  });

  test("the details of an error are escaped, so that they cannot move the cursor or end a line", () => {
    const lines = detailLines(
      refused({ error: "a\n::add-mask::b\r\u001b[2J", scope: ["\u202eabc\u009b"] }).details,
    );
    expect(lines).toEqual(["error: a\\u000a::add-mask::b\\u000d\\u001b[2J", "scope: \\u202eabc\\u009b"]);
  });

  test("the details of an error are printed on stderr, without the credentials that were sent", async () => {
    const text = "IGNORE_PREVIOUS_INSTRUCTIONS\u001b[2J";
    await using server = await startHttpServer((request, response) => {
      const issuer = server.origin;
      if (request.url.includes("oauth-authorization-server")) {
        return sendJson(response, { issuer, token_endpoint: `${issuer}/token` });
      }
      if (request.url !== "/token") return sendJson(response, {}, 404);
      const secret = atob(String(request.headers.authorization).slice("Basic ".length)).split(":")[1];
      return sendJson(response, { error: text, error_description: `Not ${secret}` }, 400);
    });
    const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
    const config = { servers: { crm: { url: `${server.origin}/mcp`, grant: { client } } } };
    const cwd = await project({ "mcp-auth.config.json": JSON.stringify(config) });
    const { code, out, err } = await command(["token", "crm"], {
      cwd,
      env: { SECRET: "s3cr3t-of-the-agent" },
    });
    expect([code, out]).toEqual([3, ""]);
    const [first, ...lines] = err.trimEnd().split("\n");
    expect(first).toMatch(/^error\[token_request_rejected\]: Server "crm": /);
    expect(first).not.toContain("IGNORE");
    expect(lines).toEqual([
      "  error: IGNORE_PREVIOUS_INSTRUCTIONS\\u001b[2J",
      "  error_description: Not <secret>",
      `  token_endpoint: ${server.origin}/token`,
    ]);
  });
});

describe("an internal error", () => {
  test("an internal error exits with 1 and shows its name and place, but not its message, which could contain a secret", async () => {
    let err = "";
    const code = await run(["validate", "--help"], {
      cwd: "/",
      env: {},
      out() {
        throw new RangeError("canary");
      },
      err(text) {
        err += text;
      },
      color: false,
      signal: new AbortController().signal,
    });
    expect(code).toBe(1);
    expect(err).toMatch(/^internal error: RangeError at .*\n$/);
    expect(err).not.toContain("canary");
  });
});

test("an internal error shows no line of its message that looks like a stack frame", async () => {
  let err = "";
  await run(["validate", "--help"], {
    cwd: "/",
    env: {},
    out() {
      throw new RangeError("first\n    at canary (a.js:1:1)");
    },
    err(text) {
      err += text;
    },
    color: false,
    signal: new AbortController().signal,
  });
  expect(err).toMatch(/^internal error: RangeError at .*\n$/);
  expect(err).not.toContain("canary");
});

describe("options", () => {
  const definition = defineCommand({
    args: [{ name: "THING", is: "text", optional: true }],
    description: "Does something.",
    options: { json: { type: "boolean", help: "an object" } },
    examples: [],
    run: async () => 0,
  });
  const parse = (...args: string[]) => parseArguments("thing", definition, args);

  test("options can come before or after the arguments, and end at --", () => {
    expect(parse("a", "--json", "--config", "c.json")).toMatchObject({
      values: { json: true, config: "c.json" },
      args: ["a"],
    });
    expect(parse("--config=c.json", "--env-file", "1", "--env-file", "2", "--", "--json")).toMatchObject({
      values: { config: "c.json", "env-file": ["1", "2"] },
      args: ["--json"],
    });
  });

  test.each([
    ["--unknown"],
    ["-x"],
    ["--json=yes"],
    ["--config"],
    ["--config="],
    ["--env-file="],
    ["--no-json"],
  ])("the argument %s is refused with one sentence", (argument) => {
    expect(() => parse(argument)).toThrowError(UsageError);
    expect(() => parse(argument)).toThrowError(/^[^\n]+$/);
  });
});
