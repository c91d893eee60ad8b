// A token endpoint that answers 401 or 403 has refused the credential, regardless of the body.

import { rename, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { sendJson } from "../support/http-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import {
  createTestManager,
  createTestRuntime,
  recordEvents,
  sendToken,
  startScriptedIssuer,
} from "./harness.js";

const oauthError =
  (error: string, status: number, headers: Readonly<Record<string, string>> = {}) =>
  (response: ServerResponse) =>
    sendJson(response, { error, error_description: "canary" }, status, headers);
const page = (status: number) => (response: ServerResponse) =>
  void response.writeHead(status, { "content-type": "text/html" }).end("<h1>canary</h1>");
const empty = (status: number) => (response: ServerResponse) => void response.writeHead(status).end();

const refusals: ReadonlyArray<readonly [what: string, answer: (response: ServerResponse) => void]> = [
  ["401 with server_error", oauthError("server_error", 401)],
  ["403 with server_error", oauthError("server_error", 403)],
  ["401 with temporarily_unavailable", oauthError("temporarily_unavailable", 401)],
  ["401 with server_error and Retry-After", oauthError("server_error", 401, { "retry-after": "1" })],
  ["401 with access_denied", oauthError("access_denied", 401)],
  ["401 with an unknown code", oauthError("canary_code", 401)],
  ["401 with an empty body", empty(401)],
  ["403 with an empty body", empty(403)],
  ["401 with HTML", page(401)],
  ["403 with HTML", page(403)],
];

/** Creates a manager whose client secret is in a file, with a scripted issuer that can replace it. */
async function withSecretFile(answer: (response: ServerResponse, replace: () => Promise<void>) => void) {
  const folder = await temporaryFolder();
  const file = join(folder, "secret");
  await writeFile(file, "canary-old");
  const replace = async () => {
    await writeFile(`${file}.new`, "canary-new");
    await rename(`${file}.new`, file);
  };
  const world = await startScriptedIssuer((_request, response) => answer(response, replace));
  const client = { issuer: world.server.origin, id: "agent", secret: { file } };
  const auth = await createTestRuntime({
    config: { servers: { tools: { url: world.url, grant: { client } } } },
  });
  const sent = () => world.tokenRequests().map(({ headers }) => headers.authorization);
  return { auth, manager: auth.resolve("tools"), sent };
}

const basic = (secret: string): string => `Basic ${btoa(`agent:${secret}`)}`;

describe("a token endpoint that refuses the credential by its status", () => {
  test.each(refusals)(
    "a token endpoint that answers %s gets one request, without a retry",
    async (_, answer) => {
      const world = await startScriptedIssuer((_request, response) => answer(response));
      const { auth, manager } = await createTestManager(world);
      const heard = recordEvents(auth);
      const error = await rejectionOf(manager.getAccessToken());
      expect(error).toMatchObject({ code: "token_request_rejected", retryable: false });
      expect(error.retryAfter).toBeUndefined();
      expect(error.message).not.toContain("canary");
      expect(world.tokenRequests()).toHaveLength(1);
      expect(heard.filter(({ event }) => event === "token:failed")).toHaveLength(1);
    },
  );

  test.each(refusals)("a secret that was replaced meanwhile is tried after %s", async (_, answer) => {
    let isFirst = true;
    const { manager, sent } = await withSecretFile(async (response, replace) => {
      if (!isFirst) return sendToken(response, "granted");
      isFirst = false;
      await replace();
      return answer(response);
    });
    expect(await manager.getAccessToken()).toBe("granted");
    expect(sent()).toEqual([basic("canary-old"), basic("canary-new")]);
  });

  test("a token endpoint that refuses a replaced secret too gets no more than two requests", async () => {
    const { manager, sent } = await withSecretFile(async (response, replace) => {
      await replace();
      empty(401)(response);
    });
    const error = await rejectionOf(manager.getAccessToken());
    expect(error.code).toBe("token_request_rejected");
    expect(sent()).toEqual([basic("canary-old"), basic("canary-new")]);
  });
});

test("a 400 with server_error is temporary, and the token request is retried", async () => {
  let requests = 0;
  const world = await startScriptedIssuer((_request, response) => {
    requests += 1;
    return requests === 1 ? oauthError("server_error", 400)(response) : sendToken(response, "granted");
  });
  const config = { ...world.config, defaults: { retry: { min: "1ms", max: "1ms" } } } as const;
  const { manager } = await createTestManager({ ...world, config });
  expect(await manager.getAccessToken()).toBe("granted");
  expect(world.tokenRequests()).toHaveLength(2);
});
