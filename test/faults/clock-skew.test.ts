// Servers whose clocks differ from ours, and that tolerate no difference.
import { generateKeyPairSync } from "node:crypto";
import { expect } from "vitest";
import type { McpAuthConfig } from "../../src/index.js";
import { startStrictAuthorizationServer, startStrictMcpServer } from "../support/strict-servers.js";
import { type Fault, faults } from "./fault.js";
import type { FaultWorld } from "./world.js";

const second = 1_000;
const minute = 60 * second;

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const key = { privateKey: { env: "SIGNING_KEY" } } as const;

/** A client that signs, with two servers that check times by their own clocks. */
async function startStrictServers(world: FaultWorld, skew: number, more: { readonly dpop?: true } = {}) {
  const { clock } = world;
  const issuer = await startStrictAuthorizationServer(clock, publicKey);
  const mcp = await startStrictMcpServer(clock);
  for (const server of [issuer, mcp]) world.onEnd(() => server[Symbol.asyncDispose]());
  issuer.skew = skew;
  const grant = { client: { issuer: issuer.origin, id: "agent", key } } as const;
  const tools = { url: `${mcp.origin}/mcp`, grant, refresh: { jitter: 0 }, ...more };
  const config: McpAuthConfig<"tools"> = { servers: { tools } };
  const env = { SIGNING_KEY: String(privateKey.export({ type: "pkcs8", format: "pem" })) };
  const auth = await world.runtime<"tools">({ config, env });
  const warnings: string[] = [];
  auth.on("token:warning", ({ code, message = "" }) => {
    if (code === "clock_skew") warnings.push(message);
  });
  return { issuer, mcp, auth, manager: auth.resolve("tools"), warnings };
}

/** The client gets its token although the authorization server's clock differs by `skew`. */
function granted(name: string, skew: number, requests: number, warned: boolean): Fault {
  return {
    name: `the authorization server's clock is ${name}, and it tolerates no difference`,
    sees: `a token${warned ? "; one warning" : ""}`,
    requests: String(requests),
    recovery: requests === 1 ? "none needed" : "in the same call",
    async run(world) {
      const { issuer, manager, warnings } = await startStrictServers(world, skew);
      await world.until(manager.getToken());
      expect(issuer.calls).toHaveLength(requests);
      await world.until(manager.getToken({ forceRefresh: true }));
      expect(issuer.calls).toHaveLength(requests + 1);
      expect(warnings).toHaveLength(warned ? 1 : 0);
    },
  };
}

function refused(name: string, skew: number): Fault {
  return {
    name: `the authorization server's clock is ${name}, and it tolerates no difference`,
    sees: "`token_request_rejected`, with advice about the clock; one warning",
    requests: "1",
    recovery: "1 s after the clock is correct",
    async run(world) {
      const { issuer, manager, warnings } = await startStrictServers(world, skew);
      const error = await world.failure(manager.getToken());
      expect(error.code).toBe("token_request_rejected");
      expect(error.message).toContain(`The clock of ${issuer.origin} is 1200 s`);
      expect(issuer.calls).toHaveLength(1);
      expect(warnings).toHaveLength(1);
      issuer.skew = 0;
      await world.clock.skip(second);
      await world.until(manager.getToken());
    },
  };
}

function cached(name: string, saysAge: boolean): Fault {
  return {
    name: `a cache returns metadata that is five minutes old, with the original \`Date\`, and ${name}`,
    sees: "a token",
    requests: "1",
    recovery: "none needed",
    async run(world) {
      const { issuer, manager, warnings } = await startStrictServers(world, 0);
      Object.assign(issuer, { age: 300, saysAge });
      await world.until(manager.getToken());
      expect(issuer.calls).toHaveLength(1);
      expect(warnings).toEqual([]);
    },
  };
}

faults("Clocks", [
  granted("2 s ahead of ours", 2 * second, 1, false),
  granted("2 s behind ours", -2 * second, 1, false),
  granted("90 s ahead of ours", 90 * second, 1, true),
  granted("90 s behind ours", -90 * second, 2, true),
  granted("5 minutes ahead of ours", 5 * minute, 1, true),
  granted("5 minutes behind ours", -5 * minute, 2, true),
  refused("20 minutes ahead of ours", 20 * minute),
  refused("20 minutes behind ours", -20 * minute),
  cached("reports its age with `Age`", true),
  cached("does not report its age", false),
  {
    name: "with DPoP, the authorization server's clock is 5 minutes ahead of ours, and the MCP server's clock 5 minutes behind",
    sees: "200; one warning for each server",
    requests: "1 token request, 2 to the MCP server, whose first answer shows its time",
    recovery: "in the same call",
    async run(world) {
      const { issuer, mcp, manager, warnings } = await startStrictServers(world, 5 * minute, { dpop: true });
      mcp.skew = -5 * minute;
      const call = () => world.until(manager.fetch(manager.url, { method: "POST", body: "{}" }));
      expect((await call()).status).toBe(200);
      expect([issuer.calls.length, mcp.calls.length]).toEqual([1, 2]);
      expect((await call()).status).toBe(200);
      expect([issuer.calls.length, mcp.calls.length]).toEqual([1, 3]);
      expect(warnings).toHaveLength(2);
    },
  },
  {
    name: "the authorization server's clock is set back by four minutes while the process runs, after it was 90 s ahead",
    sees: "a token; one more warning",
    requests: "2",
    recovery: "in the same call",
    async run(world) {
      const { issuer, manager, warnings } = await startStrictServers(world, 90 * second);
      await world.until(manager.getToken());
      issuer.skew -= 4 * minute;
      await world.until(manager.getToken({ forceRefresh: true }));
      expect(issuer.calls).toHaveLength(3);
      expect(warnings).toHaveLength(2);
    },
  },
]);
