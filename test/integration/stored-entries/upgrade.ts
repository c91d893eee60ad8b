// What a process of this version must do with the entries that another version wrote. Called for each kind of store.
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { McpAuth } from "../../../src/index.js";
import {
  callTool,
  isNewToken,
  names,
  type Place,
  type ServerName,
  type Servers,
  startProcess,
  startServers,
} from "./project.js";

const minute = 60_000;

export interface LaterProcess {
  readonly auth: McpAuth<ServerName>;
  readonly servers: Servers;
}

/** Starts a process with these entries, some time after they were written. */
export async function startLater(place: Place, at: number): Promise<LaterProcess> {
  const servers = startServers(101);
  vi.stubGlobal("fetch", servers.fetch);
  const auth = await startProcess(place, at);
  onTestFinished(async () => {
    await auth.stop();
    vi.unstubAllGlobals();
  });
  return { auth, servers };
}

/** @param open opens a store with the entries of the version as they are after `at` milliseconds */
export function testUpgrade(title: string, open: (at: number) => Promise<Place>): void {
  const start = async (at: number): Promise<LaterProcess> => await startLater(await open(at), at);

  describe(title, () => {
    test(`${title}: each access token is reused without a request`, async () => {
      const { auth, servers } = await start(10 * minute);
      const tokens: Record<string, string> = {};
      for (const name of names) tokens[name] = (await auth.resolve(name).getToken()).accessToken;
      expect(servers.requests).toEqual([]);
      expect(tokens).toEqual({
        ...{ crm: "test-token-1", proof: "test-token-2", mutual: "test-token-3" },
        ...{ workload: "test-token-4", service: "test-token-5", exchange: "test-token-6" },
        // The requests of refused calls have replaced the first token of this server.
        ...{ wiki: "test-token-8", mail: "test-token-9", closed: "test-token-15" },
      });
    });

    test.each(["proof", "mutual"] as const)(
      `${title}: the bound token of %s is sent with its key`,
      async (name) => {
        const { auth, servers } = await start(10 * minute);
        expect(await callTool(auth, name, "a")).toBe(200);
        expect(servers.requests).toEqual([]);
      },
    );

    test(`${title}: a renewal uses the metadata without a request for it`, async () => {
      const { auth, servers } = await start(10 * minute);
      await auth.resolve("crm").getToken({ forceRefresh: true });
      await auth.resolve("wiki").getToken({ forceRefresh: true });
      expect(servers.requests).toEqual([
        "POST https://auth.example/token",
        "POST https://idp.example/token",
        "POST https://auth.example/token",
      ]);
    });

    test(`${title}: the latest refresh token is redeemed, and not the one in the config`, async () => {
      const { auth, servers } = await start(10 * minute);
      await auth.resolve("mail").getToken({ forceRefresh: true });
      await auth.resolve("mail").getToken({ forceRefresh: true });
      expect(servers.redeemed).toEqual(["test-refresh-token-9", "test-refresh-token-101"]);
    });

    test(`${title}: refused calls stay within the limits that were reached`, async () => {
      const early = await start(3_000);
      expect(await callTool(early.auth, "closed", "g")).toBe(401);
      expect(early.servers.requests).toEqual([]);
      const later = await start(11_000);
      expect(await callTool(later.auth, "closed", "g")).toBe(401);
      expect(later.servers.requests).toEqual(["POST https://auth.example/token"]);
    });

    test(`${title}: the token that the command headers printed last is known`, async () => {
      const { auth } = await start(10 * minute);
      expect(await isNewToken(auth, "test-printed-token")).toBe(false);
      expect(await isNewToken(auth, "test-another-token")).toBe(true);
    });
  });
}
