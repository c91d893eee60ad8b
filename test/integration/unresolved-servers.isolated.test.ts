// A config may have thousands of servers of which a process uses a few. The others are neither built nor get a manager.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { buildServer } from "../../src/config/build-server.js";
import { createMcpAuth, type McpAuth } from "../../src/index.js";
import { LiveServer } from "../../src/runtime/live-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { createTestRuntime, sendToken, startScriptedIssuer } from "./harness.js";

vi.mock("../../src/config/build-server.js", { spy: true });
vi.mock("../../src/runtime/live-server.js", { spy: true });
beforeEach(() => vi.clearAllMocks());

/** The servers that were built, and the number of servers with a manager, since the test began. */
const built = () => ({
  servers: vi.mocked(buildServer).mock.calls.map(([name]) => name),
  managers: vi.mocked(LiveServer).mock.calls.length,
});
const nothing = { servers: [], managers: 0 };

const client = { issuer: "https://auth.example", id: "agent", secret: { env: "SECRET" } };
const serverAt = (index: number) => ({ url: `https://mcp.example/${index}`, grant: { client } });
const manyServers = (count: number): Record<string, object> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`s${index}`, serverAt(index)]));

/** Creates a runtime from a file. `write` replaces the servers of the file. */
async function fromFile(
  servers: object,
): Promise<{ auth: McpAuth; write: (servers: object) => Promise<void> }> {
  const cwd = await temporaryFolder();
  const write = async (next: object): Promise<void> => {
    await writeFile(join(cwd, "mcp-auth.config.json"), JSON.stringify({ servers: next }), { mode: 0o644 });
  };
  await write(servers);
  const auth = await createMcpAuth({ cwd, env: { SECRET: "s" } });
  return { auth, write };
}

test("loading, finding and stopping 1,000 servers builds none of them", async () => {
  const { auth } = await fromFile(manyServers(1_000));
  expect(auth.servers).toHaveLength(1_000);
  expect([auth.has("s999"), auth.has("s1000")]).toEqual([true, false]);
  expect(auth.resolveUrl("https://mcp.example/1000")).toBeUndefined();
  expect(auth.status()).toHaveLength(1_000);
  await auth.reload();
  await auth.stop();
  expect(built()).toEqual(nothing);
});

test("resolving a server builds it once, and no other", async () => {
  const { auth } = await fromFile(manyServers(1_000));
  const manager = auth.resolve("s7");
  expect(auth.resolve("s7")).toBe(manager);
  expect(auth.resolveUrl("https://mcp.example/7/tools")).toBe(manager);
  expect(manager.url).toBe("https://mcp.example/7");
  expect(auth.resolveUrl("https://mcp.example/8")?.name).toBe("s8");
  expect(built()).toEqual({ servers: ["s7", "s8"], managers: 2 });
  await auth.stop();
});

test("status() has the state of every server, resolved or not, before and after stop()", async () => {
  const { auth } = await fromFile(manyServers(3));
  auth.resolve("s1");
  const stateOf = (state: string) => ["s0", "s1", "s2"].map((server) => ({ server, state }));
  expect(auth.status()).toEqual(stateOf("none"));
  await auth.stop();
  expect(auth.status()).toEqual(stateOf("stopped"));
  expect(built()).toEqual({ servers: ["s1"], managers: 1 });
});

test("a reload reports changes of servers that were never resolved, and creates no manager for them", async () => {
  const { auth, write } = await fromFile(manyServers(1_000));
  const reloads: unknown[] = [];
  auth.on("config:reloaded", ({ added, changed, removed }) => reloads.push({ added, changed, removed }));
  const { s2: _removed, ...others } = manyServers(1_000);
  const same = { ...serverAt(3), timeout: "10s" };
  await write({ ...others, s1: serverAt(2_001), s3: same, new: serverAt(2_000) });
  await auth.reload();
  expect(reloads).toEqual([{ added: ["new"], changed: ["s1"], removed: ["s2"] }]);
  expect(new Set(built().servers)).toEqual(new Set(["s1", "s3", "new"]));
  expect(built().managers).toBe(0);
  expect(auth.resolve("s1").url).toBe("https://mcp.example/2001");
  expect(auth.resolveUrl("https://mcp.example/2000")?.name).toBe("new");
  expect(auth.resolveUrl("https://mcp.example/2")).toBeUndefined();
  expect(() => auth.resolve("s2")).toThrow(expect.objectContaining({ code: "unknown_server" }));
  await auth.stop();
});

test("a server that is first found by URL after stop() makes no request", async () => {
  const { auth } = await fromFile(manyServers(2));
  await auth.stop();
  const manager = auth.resolveUrl("https://mcp.example/1");
  expect(manager?.status().state).toBe("stopped");
  expect(await rejectionOf(manager?.getAccessToken() ?? Promise.resolve())).toMatchObject({
    code: "stopped",
  });
});

test("status() shows why a server that was never resolved cannot be used, without building the others", async () => {
  const { auth } = await fromFile({ ...manyServers(2), broken: { ...serverAt(2), url: "${NOWHERE}" } });
  const [, , broken] = auth.status();
  expect(broken).toMatchObject({ server: "broken", state: "none", lastError: { code: "config_invalid" } });
  expect(auth.status()[2]?.lastError).toBe(broken?.lastError);
  expect((await rejectionOf(auth.resolve("broken").getAccessToken())).message).toBe(
    broken?.lastError?.message,
  );
  expect(built()).toEqual(nothing);
  await auth.stop();
});

test("start() builds each server when its turn comes, and after stop() none of the rest", async () => {
  const requests: (() => void)[] = [];
  const issuer = await startScriptedIssuer((_request, response) => {
    requests.push(() => sendToken(response, "t"));
  });
  const server = issuer.config.servers.tools;
  const names = Array.from({ length: 100 }, (_, index) => `s${index}`);
  const servers = Object.fromEntries(
    names.map((name, index) => [name, { ...server, url: `${server.url}/${index}` }]),
  );
  const auth = await createTestRuntime({ config: { servers }, env: issuer.env });
  const started = auth.start();
  await issuer.receivedTokenRequests(16);
  expect(built()).toEqual({ servers: names.slice(0, 16), managers: 16 });
  const stopped = auth.stop();
  for (const answer of requests) answer();
  expect((await started).map(({ code }) => code)).toEqual(names.slice(16).map(() => "stopped"));
  await stopped;
  expect(built().managers).toBe(16);
});
