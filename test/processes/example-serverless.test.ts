// The handlers of examples/serverless, in a process that is stopped between invocations.
import { type ChildProcess, fork } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { startWorld, type World } from "../integration/harness.js";
import { copyExample, plainEnvironment } from "../support/example.js";

const instance = fileURLToPath(new URL("function-instance.mjs", import.meta.url));

interface Connections {
  /** Destroys all connections to the servers. */
  destroy(): void;
  /** Destroys the connection of the next request to this path, and then resolves. */
  destroyNext(path: string): Promise<void>;
}

/** Records the connections to the servers of a world until the test ends. */
function recordConnections(world: World): Connections {
  const sockets = new Set<Socket>();
  const waiting = new Map<string, () => void>();
  const ports = [world.mcp.url, world.issuer.issuer].map((url) => Number(new URL(url).port));
  const record = (message: unknown) => {
    // Node documents these members of the message.
    const { socket, request } = message as { readonly socket: Socket; readonly request: IncomingMessage };
    if (!ports.includes(socket.localPort ?? 0)) return;
    sockets.add(socket);
    const destroyed = waiting.get(request.url ?? "");
    if (destroyed === undefined) return;
    waiting.clear();
    socket.destroy();
    destroyed();
  };
  subscribe("http.server.request.start", record);
  onTestFinished(() => void unsubscribe("http.server.request.start", record));
  return {
    destroy() {
      for (const socket of sockets) socket.destroy();
    },
    destroyNext: (path) => new Promise((resolve) => waiting.set(path, resolve)),
  };
}

interface Invocation {
  readonly text: string;
  /** Milliseconds by which the clock has moved on since the invocation before. */
  readonly later?: number;
}

async function start(file: string) {
  const world = await startWorld();
  const folder = await copyExample("serverless");
  const env = {
    ...plainEnvironment,
    CRM_URL: world.mcp.url,
    CRM_ISSUER: world.issuer.issuer,
    CRM_SECRET: world.env["SECRET"] ?? "",
  };
  const child = fork(instance, [join(folder, file)], { cwd: "/", env });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child, "message");
  return { world, child, connections: recordConnections(world), invoke: invokerOf(child) };
}

function invokerOf(child: ChildProcess) {
  return async (invocation: Invocation): Promise<unknown> => {
    child.send(invocation);
    const [answer] = await once(child, "message");
    return answer;
  };
}

describe.each(["lambda.mjs", "fetch-handler.mjs"])("the function %s of the example", (file) => {
  test(`${file} sends nothing on a cold start, and its invocations share one token`, async () => {
    const { world, invoke } = await start(file);
    expect(world.mcp.requests).toHaveLength(0);
    expect(world.issuer.tokenRequests).toHaveLength(0);
    expect(await invoke({ text: "one" })).toBe("one");
    expect(await invoke({ text: "zwölf" })).toBe("zwölf");
    expect(world.issuer.tokenRequests).toHaveLength(1);
  });

  test(`after a revocation between two invocations, ${file} answers with another token`, async () => {
    const { world, invoke } = await start(file);
    await invoke({ text: "one" });
    for (const { jti } of world.issuer.issued) world.mcp.revoke(jti);
    expect(await invoke({ text: "two" })).toBe("two");
    expect(world.issuer.tokenRequests).toHaveLength(2);
    expect(world.mcp.unauthorized).toBe(1);
  });

  test(`${file} answers after it was stopped until its token had expired and its connections were gone`, async () => {
    const { world, child, connections, invoke } = await start(file);
    await invoke({ text: "one" });
    child.kill("SIGSTOP");
    connections.destroy();
    const answer = invoke({ text: "two", later: 2 * 3_600_000 });
    child.kill("SIGCONT");
    expect(await answer).toBe("two");
    expect(world.issuer.tokenRequests).toHaveLength(2);
    // No invocation has sent an expired token.
    expect(world.mcp.unauthorized).toBe(0);
  });

  test(`${file} goes on after it was stopped in the middle of a renewal`, async () => {
    const { world, child, connections, invoke } = await start(file);
    await invoke({ text: "one" });
    const cut = connections.destroyNext(new URL(world.issuer.tokenEndpoint).pathname);
    // The token is stale by then, and still valid.
    expect(await invoke({ text: "two", later: 55 * 60_000 })).toBe("two");
    await cut;
    child.kill("SIGSTOP");
    connections.destroy();
    const answer = invoke({ text: "three", later: 3_600_000 });
    child.kill("SIGCONT");
    // The invocation may join the renewal, whose time is over, before the process learns that the connection is gone.
    if ((await answer) !== "three")
      expect(await answer).toMatch(/^FAILED Server "crm": .* could not be reached/);
    expect(await invoke({ text: "four", later: 60_000 })).toBe("four");
    expect(world.mcp.unauthorized).toBe(0);
  });
});
