// Every kind of message of MCP through the proxy, between the clients and servers of both SDKs.
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { deferred } from "../support/deferred.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { type Sdk, startEverything } from "./everything-server.js";
import { startWorld } from "./harness.js";
import { startProxied, tokenConfig } from "./proxied.js";
import { byHeader, byPath, bySocket, connectProxied, type Host } from "./proxied-clients.js";

const sdks = ["v1", "v2"] as const;
const pairs = sdks.flatMap((host) => sdks.map((server) => [host, server] as const));

async function connected(hostSdk: Sdk, serverSdk: Sdk) {
  const everything = await startEverything(serverSdk);
  const proxied = await startProxied(tokenConfig(everything.server.url));
  const host = await connectProxied(hostSdk, byPath(proxied));
  return { ...everything, ...host, proxied };
}

describe.each(pairs)("between a host of SDK %s and a server of SDK %s,", (hostSdk, serverSdk) => {
  test("tools, prompts, resources, completions and pings pass, and DELETE ends the session", async () => {
    const { client, call, server, terminate, proxied } = await connected(hostSdk, serverSdk);
    expect(client.getServerVersion()).toMatchObject({ name: "sessions" });
    expect((await client.listTools()).tools.map(({ name }) => name)).toContain("echo");
    expect(await call("echo", "hello")).toBe("hello");
    expect((await client.listPrompts()).prompts).toMatchObject([{ name: "way" }]);
    const prompt = await client.getPrompt({ name: "way", arguments: { where: "north" } });
    expect(prompt.messages).toMatchObject([{ content: { text: "Go north." } }]);
    expect((await client.listResourceTemplates()).resourceTemplates).toMatchObject([{ name: "note" }]);
    expect((await client.readResource({ uri: "note://one" })).contents).toMatchObject([
      { text: "The text of note://one" },
    ]);
    for (const ref of [
      { type: "ref/prompt", name: "way" } as const,
      { type: "ref/resource", uri: "note://{name}" } as const,
    ]) {
      const argument = { name: ref.type === "ref/prompt" ? "where" : "name", value: "s" };
      expect((await client.complete({ ref, argument })).completion.values).toEqual(["south"]);
    }
    await client.ping();

    await terminate();
    expect(server.sessions.size).toBe(0);
    const seen = new Set(server.requests.map(({ method, rpc = "" }) => `${method} ${rpc}`.trim()));
    expect([...seen]).toEqual(
      expect.arrayContaining(["POST initialize", "POST notifications/initialized", "GET", "DELETE"]),
    );
    await client.close();
    await expect.poll(proxied.open).toBe(0);
  });
});

// Each host and each server once.
describe.each(pairs.filter(([host, server]) => host !== server))(
  "between a host of SDK %s and a server of SDK %s,",
  (hostSdk, serverSdk) => {
    test("requests, notifications and progress of the server reach the host in the middle of a call", async () => {
      const { call, notified, finish } = await connected(hostSdk, serverSdk);
      expect(await call("ask")).toBe('{"roots":[{"uri":"file:///home"}]}');
      expect(notified).toContain("notifications/message");
      const progressed = deferred();
      const slow = call("progress", "", { onprogress: progressed.resolve });
      await progressed.promise;
      // A slow call does not hold up another one.
      expect(await call("echo", "quick")).toBe("quick");
      finish();
      expect(await slow).toBe("done");
    });

    test("a notification of the server outside of a call reaches the host through its GET stream", async () => {
      const { server, servers, notified } = await connected(hostSdk, serverSdk);
      const isListening = () =>
        server.requests.some(({ method, response }) => method === "GET" && response.headersSent);
      await expect.poll(isListening).toBe(true);
      for (const each of servers) each.sendResourceListChanged();
      await expect.poll(() => notified).toContain("notifications/resources/list_changed");
    });

    test("a call that the host cancels ends at the server", async () => {
      const { call, waiting, canceled } = await connected(hostSdk, serverSdk);
      const controller = new AbortController();
      const slow = call("wait", "", { signal: controller.signal });
      await waiting;
      controller.abort();
      await expect(slow).rejects.toThrow();
      await canceled;
      expect(await call("echo", "next")).toBe("next");
    });
  },
);

describe.each(sdks)("a host of SDK %s", (sdk) => {
  test("reaches a server without sessions over the path, the header and the socket", async () => {
    const world = await startWorld();
    const socket = join(await temporaryFolder(), "proxy.sock");
    const proxied = await startProxied(world, { listen: "127.0.0.1:0", socket });
    for (const route of [byPath, byHeader, bySocket]) {
      const host = await connectProxied(sdk, route(proxied));
      expect(await host.call("echo", route.name)).toBe(route.name);
    }
    expect(world.issuer.tokensIssued).toBe(1);
    for (const { headers, path } of world.mcp.requests) {
      expect(headers).not.toHaveProperty("mcp-auth-proxy-token");
      expect(path).not.toContain(proxied.localToken);
      expect(headers.host).toBe(new URL(world.mcp.url).host);
    }
  });

  test("has a session with a GET stream over the socket and with the header", async () => {
    const { server } = await startEverything("v1");
    const socket = join(await temporaryFolder(), "proxy.sock");
    const proxied = await startProxied(tokenConfig(server.url), { listen: "127.0.0.1:0", socket });
    const hosts: Host[] = [];
    for (const route of [byHeader, bySocket]) hosts.push(await connectProxied(sdk, route(proxied)));
    for (const { call } of hosts) expect(await call("ask")).toContain("file:///home");
    const streams = () =>
      server.requests.filter(({ method, response }) => method === "GET" && response.headersSent);
    await expect.poll(() => streams().length).toBe(2);
  });
});
