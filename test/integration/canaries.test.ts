// Nothing that is secret, and nothing that a server or somebody's code has said, comes out of the package: canaries are
// planted wherever there is such a thing, everything is done that the package does, and all that came out is searched.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
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
import { ownFailures } from "./canaries-credentials.js";
import { Watch } from "./canaries-evidence.js";
import { type Failure, servedFailures } from "./canaries-failures.js";
import { plantIdentities } from "./canaries-identities.js";
import { jwt, type Stage, startStage } from "./canaries-stage.js";

let authority: Authority;
beforeAll(async () => {
  authority = await createAuthority();
});

test("nothing shows of any credential in any grant, nor of the tokens that they bring", async () => {
  const canaries = new Canaries();
  await using plain = await startStage(canaries);
  await using tls = await startStage(canaries, await serverTls({ authority, askClients: true }));
  plain.script("github", {
    mcp: (response) =>
      plain.say.json(response, 200, { value: canaries.plant("ID token of a job", jwt(plain.origin)) }),
  });
  const { config, options, ofUsers } = await plantIdentities(canaries, { plain, tls }, authority, folder());
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

test("nothing shows of what servers say that refuse, fail or talk nonsense, nor of what they were sent", async () => {
  const canaries = new Canaries();
  await using stage = await startStage(canaries);
  await using tls = await startStage(canaries, await serverTls({ authority, askClients: false }));
  const at = (issuer: string) => ({ grant: { client: { issuer, id: "agent", secret: { env: "SECRET" } } } });
  const unreachable: readonly Failure[] = [
    { name: "TLS: of an unknown authority", code: "tls_failed", server: at(tls.issuer("x")) },
    { name: "TLS: none there", code: "tls_failed", server: at(stage.issuer("x").replace("http:", "https:")) },
    { name: "network: nobody there", code: "unavailable", server: at("http://127.0.0.1:1/as/x") },
  ];
  const failures = [...servedFailures(canaries, stage), ...unreachable];
  expect(await assertFailures(canaries, stage, failures, {})).toBeGreaterThan(20);
});

test("nothing shows of secrets, keys and functions that are no good", async () => {
  const canaries = new Canaries();
  await using stage = await startStage(canaries);
  const path = folder();
  const { failures, options } = await ownFailures(canaries, stage, authority, path);
  await assertFailures(canaries, stage, failures, { ...options, cwd: path });
});

/**
 * Makes a server of each, runs them side by side, and asserts that each fails as it says and that nothing shows. How many
 * errors have details.
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
    // Variants put together from parts.
    config: {
      defaults: { retry: { attempts: 2, min: "1ms", max: "2ms" } },
      servers: Object.fromEntries(servers) as object as McpAuthConfig["servers"],
    },
    env: { ...options.env, SECRET: secret },
    logger: watch.logger,
  });
  watch.listen(auth);
  const outcomes = await Promise.all(auth.servers.map((name) => failing(watch, auth.resolve(name))));
  watch.look(auth);
  await auth.stop();
  const expected = Object.fromEntries(failures.map(({ name, code }) => [name, code]));
  expect(Object.fromEntries(auth.servers.map((name, index) => [names.get(name), outcomes[index]]))).toEqual(
    expected,
  );
  await watch.assertClean(canaries);
  return watch.evidence.details;
}

/** What `fetch` fails with, after which everything else is tried, too. */
async function failing(watch: Watch, manager: TokenManager): Promise<Failure["code"]> {
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

/** Everything that a manager does, looked at from all sides. */
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

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "mcp-auth-canaries-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
