// The package outputs no secret and no text of a server or of a host's code. These tests plant canaries in all of them,
// exercise everything that the package does, and search all output.

import { beforeAll, expect, test } from "vitest";
import { authProvider } from "../../src/hosts/mcp-sdk.js";
import {
  createMcpAuth,
  type McpAuthConfig,
  McpAuthError,
  type McpAuthOptions,
  type TokenManager,
} from "../../src/index.js";
import { Canaries } from "../support/canaries.js";
import { type Authority, createAuthority } from "../support/certificates.js";
import { serverTls } from "../support/mutual-tls.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { ownFailures } from "./canaries-credentials.js";
import { Watch } from "./canaries-evidence.js";
import { type Failure, servedFailures } from "./canaries-failures.js";
import { plantIdentities } from "./canaries-identities.js";
import { jwt, type Stage, startStage } from "./canaries-stage.js";

let authority: Authority;
beforeAll(async () => {
  authority = await createAuthority();
});

test("no credential of any grant is shown, and no token that it gets", async () => {
  const canaries = new Canaries();
  await using plain = await startStage(canaries);
  await using tls = await startStage(canaries, await serverTls({ authority, askClients: true }));
  plain.script("github", {
    mcp: (response) =>
      plain.say.json(response, 200, { value: canaries.plant("ID token of a job", jwt(plain.origin)) }),
  });
  const { config, options, ofUsers } = await plantIdentities(
    canaries,
    { plain, tls },
    authority,
    await temporaryFolder(),
  );
  await using watch = new Watch();
  const auth = await createMcpAuth({ config, ...options, logger: watch.logger });
  watch.listen(auth);
  watch.look(auth);
  expect(await auth.start()).toEqual([]);
  watch.look(auth);
  await Promise.all(
    auth.servers.map(async (name) => {
      const manager = auth.resolve(name);
      const user = {
        key: canaries.word("key of a user"),
        subjectToken: () => canaries.plant("token of a user", jwt("https://idp.example")),
      };
      await exercise(watch, ofUsers.includes(name) ? manager.for(user) : manager);
    }),
  );
  watch.look(auth);
  await auth.stop();
  watch.look(auth);
  expect(watch.spans.length).toBeGreaterThan(auth.servers.length);
  await watch.assertClean(canaries);
});

test("no text is shown of servers that refuse, fail or send invalid responses, nor credentials that they quote", async () => {
  const canaries = new Canaries();
  await using stage = await startStage(canaries);
  await using tls = await startStage(canaries, await serverTls({ authority, askClients: false }));
  const at = (issuer: string) => ({ grant: { client: { issuer, id: "agent", secret: { env: "SECRET" } } } });
  const unreachable: readonly Failure[] = [
    { name: "TLS: a certificate of an unknown authority", code: "tls_failed", server: at(tls.issuer("x")) },
    {
      name: "TLS: a server without TLS",
      code: "tls_failed",
      server: at(stage.issuer("x").replace("http:", "https:")),
    },
    { name: "network: a closed port", code: "unavailable", server: at("http://127.0.0.1:1/as/x") },
  ];
  const failures = [...servedFailures(canaries, stage), ...unreachable];
  expect(await assertFailures(canaries, stage, failures, {})).toBeGreaterThan(20);
});

test("no faulty secret or key is shown, and no text of a faulty function", async () => {
  const canaries = new Canaries();
  await using stage = await startStage(canaries);
  const path = await temporaryFolder();
  const { failures, options } = await ownFailures(canaries, stage, authority, path);
  await assertFailures(canaries, stage, failures, { ...options, cwd: path });
});

/**
 * Creates a server for each failure and calls them concurrently. Asserts that each fails with its code and that nothing
 * is shown. Returns the number of different error details.
 */
async function assertFailures(
  canaries: Canaries,
  stage: Stage,
  failures: readonly Failure[],
  options: McpAuthOptions,
): Promise<number> {
  await using watch = new Watch();
  const names = new Map(failures.map(({ name }, index) => [`case-${index}`, name]));
  const secret = canaries.fresh("client secret");
  const servers = failures.map(({ script, server }, index) => {
    const name = `case-${index}`;
    stage.script(name, script ?? { resource: (response) => stage.say.html(response, 404) });
    const client = { issuer: stage.issuer(name), id: "agent", secret: { env: "SECRET" } };
    return [name, { url: stage.mcp(name), grant: { client }, ...server }] as const;
  });
  const auth = await createMcpAuth({
    ...options,
    // Built from parts of the config's union types.
    config: {
      // A failure that is a timeout has its own, so that a slow machine reaches no other.
      defaults: { retry: { attempts: 2, min: "1ms", max: "2ms" }, timeout: "1m", deadline: "4m" },
      servers: Object.fromEntries(servers) as object as McpAuthConfig["servers"],
    },
    env: { ...options.env, SECRET: secret },
    logger: watch.logger,
  });
  watch.listen(auth);
  const outcomes = await Promise.all(auth.servers.map((name) => exerciseFailing(watch, auth.resolve(name))));
  watch.look(auth);
  await auth.stop();
  const expected = Object.fromEntries(failures.map(({ name, code }) => [name, code]));
  expect(Object.fromEntries(auth.servers.map((name, index) => [names.get(name), outcomes[index]]))).toEqual(
    expected,
  );
  await watch.assertClean(canaries);
  return watch.evidence.details;
}

/** Returns the code with which `fetch` fails, and then exercises the rest of the manager. */
async function exerciseFailing(watch: Watch, manager: TokenManager): Promise<Failure["code"]> {
  const { name, url } = manager;
  const where = (what: string) => `${what} of ${name}`;
  const call = () =>
    watch.outcome(where("fetch"), async () =>
      (await manager.fetch(url, { method: "POST", body: "{}" })).text(),
    );
  const first = await call();
  await call();
  await watch.outcome(where("getAccessToken"), () => manager.getAccessToken());
  await watch.outcome(where("getHeaders"), () => manager.getHeaders({ method: "POST", url }));
  await watch.outcome(where("forced getToken"), () => manager.getToken({ forceRefresh: true }));
  await watch.outcome(where("token of an authProvider"), () => authProvider(manager).token());
  watch.evidence.examine(where("status"), manager.status());
  if (first instanceof McpAuthError) return first.code;
  return first instanceof Error ? "network" : undefined;
}

/** Exercises everything that a manager does, and examines all values. */
async function exercise(watch: Watch, manager: TokenManager): Promise<void> {
  const { evidence } = watch;
  const { name, url } = manager;
  const where = (what: string) => `${what} of ${name}`;
  evidence.examine(where("manager"), manager);
  evidence.examine(where("fetch"), manager.fetch);
  const token = await watch.outcome(where("getToken"), () => manager.getToken());
  evidence.examine(where("token"), token);
  await watch.outcome(where("getAccessToken"), () => manager.getAccessToken());
  await watch.outcome(where("getHeaders"), () => manager.getHeaders());
  await watch.outcome(where("getHeaders"), () => manager.getHeaders({ method: "POST", url }));
  const answer = await watch.outcome(where("fetch"), async () =>
    (await manager.fetch(url, { method: "POST", body: "{}" })).text(),
  );
  await watch.outcome(where("forced getToken"), () => manager.getToken({ forceRefresh: true }));
  evidence.examine(where("manager"), manager);
  evidence.examine(where("status"), manager.status());
  expect([name, typeof answer]).toEqual([name, "string"]);
}
