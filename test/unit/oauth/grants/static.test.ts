import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { GrantSpec } from "../../../../src/config/spec.js";
import { failureOf, grantFor, now, serverSpec, signal } from "../fixtures.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "static-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const noFetch = () => Promise.reject(new Error("a static token needs no network"));

function grantOf(
  more: Partial<Extract<GrantSpec, { type: "static" }>> = {},
  env: Record<string, string> = {},
) {
  const spec = serverSpec("https://mcp.example", { type: "static", token: { env: "TOKEN" }, ...more });
  return grantFor(spec, { env, fetch: noFetch });
}

describe("a static token", () => {
  it("is the value of the reference, for the URL of the server and without an issuer", async () => {
    expect(await grantOf({}, { TOKEN: "tok.en\n" })({ signal: signal() })).toEqual({
      accessToken: "tok.en",
      tokenType: "Bearer",
      requestedAt: now,
      scopes: [],
      resource: "https://mcp.example/mcp",
    });
  });

  it("has the lifetime and the scopes of the config", async () => {
    const token = await grantOf({ lifetime: 90_500, scopes: ["read"] }, { TOKEN: "t" })({ signal: signal() });
    expect(token).toMatchObject({ expiresIn: 90.5, scopes: ["read"] });
  });

  it("is read again at each call", async () => {
    const file = join(folder, "token");
    const grant = grantOf({ token: { file } });
    await writeFile(file, "first\n");
    expect((await grant({ signal: signal() })).accessToken).toBe("first");
    await writeFile(file, "second\n");
    expect((await grant({ signal: signal() })).accessToken).toBe("second");
  });

  it.each(["Bearer canary", "bearer canary", "BEARER\tcanary"])(
    "must not begin with its scheme: %j",
    async (TOKEN) => {
      const error = await failureOf(grantOf({}, { TOKEN })({ signal: signal() }), ["canary"]);
      expect(error.code).toBe("secret_unavailable");
      expect(error.message).toContain(
        'the environment variable "TOKEN": it begins with "Bearer". Remove that word',
      );
    },
  );

  it.each(["canary\r\nX-Injected: 1", "canary token", "canaryé", "canary\u0000"])(
    "must have only characters that a header allows: %j",
    async (TOKEN) => {
      const error = await failureOf(grantOf({}, { TOKEN })({ signal: signal() }), ["canary"]);
      expect(error.code).toBe("secret_unavailable");
      expect(error.message).toContain("cannot be sent in a header");
    },
  );

  it("that is missing is secret_unavailable", async () => {
    expect(await failureOf(grantOf()({ signal: signal() }))).toMatchObject({ code: "secret_unavailable" });
  });

  it("is not read for an attempt that has been aborted", async () => {
    const error = await failureOf(grantOf({}, { TOKEN: "t" })({ signal: AbortSignal.abort() }));
    expect(error.code).toBe("aborted");
  });
});
