// The command `proxy` in a process of its own, in front of an authorization server and an MCP server that a test controls.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const cli = join(import.meta.dirname, "../../dist/cli.js");

/** None of them may appear anywhere in a page or in its requests. */
export const secrets = { clientSecret: "canary-client-secret-7d1f", accessToken: "canary-access-token-93ab" };

/** @param {readonly string[]} names of the servers */
export async function startWorld(names) {
  const folder = await mkdtemp(join(tmpdir(), "mcp-auth-pages-"));
  const state = {
    refuseClient: new Set(),
    refused: new Set(),
    down: new Set(),
    refuseAll: new Set(),
    issued: 0,
  };
  const server = createServer((request, response) => answer(state, request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const servers = Object.fromEntries(
    names.map((name) => [
      name,
      {
        url: `${issuer}/mcp/${name}`,
        grant: { client: { issuer, id: name, secret: { env: "CLIENT_SECRET" } } },
      },
    ]),
  );
  await writeFile(join(folder, "mcp-auth.config.json"), JSON.stringify({ servers }));
  const env = {
    ...process.env,
    CLIENT_SECRET: secrets.clientSecret,
    XDG_STATE_HOME: join(folder, "state"),
    NO_COLOR: "1",
  };
  const run = (...argv) =>
    new Promise((resolve, reject) => {
      execFile(process.execPath, [cli, ...argv], { cwd: folder, env }, (error, stdout, stderr) =>
        error === null ? resolve(stdout) : reject(new Error(stderr)),
      );
    });
  const startProxy = async (listen) => {
    const child = spawn(process.execPath, [cli, "proxy", "--listen", listen], {
      cwd: folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stderr.resume();
    const [origin] = await once(createInterface(child.stdout), "line");
    const stop = async () => {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    };
    return { origin, stop };
  };
  let proxy = await startProxy("127.0.0.1:0");
  const { origin } = proxy;
  const settings = JSON.parse(await run("proxy", "--print", "cursor")).mcpServers;
  return {
    ...{ origin, state },
    url: (await run("status", "--url")).trim(),
    localToken: new URL(settings[names[0]].url).pathname.split("/")[1],
    /** Sends a request of a host through the proxy. */
    async call(name) {
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
      const response = await fetch(settings[name].url, {
        method: "POST",
        body,
        headers: { "content-type": "application/json" },
      });
      return await response.text();
    },
    stopProxy: () => proxy.stop(),
    async restartProxy() {
      proxy = await startProxy(new URL(origin).host);
    },
    async close() {
      await proxy.stop();
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function answer(state, request, response) {
  const origin = `http://${request.headers.host}`;
  const json = (status, value) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  };
  const [, name] = /^\/mcp\/([\w-]+)$/.exec(request.url) ?? [];
  if (request.url === "/.well-known/oauth-authorization-server") {
    const tokenEndpoint = `${origin}/token`;
    json(200, {
      issuer: origin,
      token_endpoint: tokenEndpoint,
      grant_types_supported: ["client_credentials"],
    });
  } else if (request.url === "/token") {
    const client = Buffer.from((request.headers.authorization ?? "").slice(6), "base64")
      .toString()
      .split(":")[0];
    request.resume();
    if (state.refuseClient.has(client)) {
      json(400, {
        error: "invalid_client",
        error_description: "<img src=x onerror=alert(1)> canary-of-the-server",
      });
      return;
    }
    state.issued += 1;
    json(200, {
      access_token: `${secrets.accessToken}-${state.issued}`,
      token_type: "Bearer",
      expires_in: 600,
    });
  } else if (name !== undefined) {
    request.resume();
    const [, token] = /^Bearer (.+)$/.exec(request.headers.authorization ?? "") ?? [];
    if (state.down.has(name)) request.socket.destroy();
    else if (token === undefined || state.refused.has(token) || state.refuseAll.has(name)) json(401, {});
    else json(200, { jsonrpc: "2.0", id: 1, result: {} });
  } else {
    json(404, {});
  }
}
