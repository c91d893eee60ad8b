// The lines that NODE_DEBUG=mcp-auth prints, in a process of its own, and as docs/debugging.md shows them.

import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { type Handler, type HttpServer, sendJson, startHttpServer } from "../support/http-server.js";
import { snippets } from "../support/snippets.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const client = fileURLToPath(new URL("debug-lines-client.mjs", import.meta.url));
const root = new URL("../../", import.meta.url);
const page = new URL("docs/debugging.md", root);

interface World {
  readonly issuer: HttpServer;
  readonly mcp: HttpServer;
  /** Called with everything that the process has printed on stderr so far. */
  onStderr: (printed: string) => void;
}

interface Behavior {
  readonly token?: Handler;
  readonly mcp?: Handler;
  /** The origin of the token endpoint; that of the issuer by default. */
  readonly tokenOrigin?: string;
}

/** Text that servers choose and that no line may contain. */
const chosen = "chosen-by-a-server";

async function startWorld({ token, mcp, tokenOrigin }: Behavior): Promise<World> {
  let issued = 0;
  const grant: Handler = (_request, response) => {
    issued += 1;
    sendJson(response, { access_token: `token-${issued}`, token_type: "Bearer", expires_in: 3600 });
  };
  const issuer: HttpServer = await startHttpServer(async (request, response) => {
    if (request.url === `/${chosen}`) return await (token ?? grant)(request, response);
    sendJson(response, {
      issuer: issuer.origin,
      token_endpoint: `${tokenOrigin ?? issuer.origin}/${chosen}`,
    });
  });
  const world: World = {
    issuer,
    mcp: await startHttpServer(async (request, response) => {
      if (!request.url.startsWith("/.well-known/"))
        return await (mcp ?? ((_request, ok) => sendJson(ok, {})))(request, response);
      // Both metadata documents are fetched side by side. This one comes last, so that the order of the lines is known.
      await new Promise<void>((resolve) => {
        world.onStderr = (printed) => {
          if (printed.includes("200 from authorization server metadata")) resolve();
        };
      });
      sendJson(response, { resource: world.mcp.origin, authorization_servers: [issuer.origin] });
    }),
    onStderr: () => {},
  };
  onTestFinished(async () => void (await Promise.all([issuer.close(), world.mcp.close()])));
  return world;
}

interface Printed {
  readonly out: string;
  readonly err: string;
}

/** Runs the client, which makes this many calls. */
async function run(world: World, calls: number, env: Readonly<Record<string, string>>): Promise<Printed> {
  const cwd = await temporaryFolder();
  const grant = { client: { issuer: world.issuer.origin, id: "agent", secret: { env: "CRM_SECRET" } } };
  const config = {
    defaults: { retry: { attempts: 2, min: "1ms", max: "1ms" } },
    servers: { crm: { url: world.mcp.origin, grant } },
  };
  await writeFile(join(cwd, "mcp-auth.config.json"), JSON.stringify(config));
  const child = spawn(process.execPath, [client, String(calls)], {
    cwd,
    env: { PATH: process.env["PATH"], CRM_SECRET: "a-secret-value", ...env },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
    world.onStderr(err);
  });
  await new Promise((resolve) => child.once("close", resolve));
  return { out, err };
}

async function debugged(world: World, calls: number): Promise<Printed> {
  const { out, err } = await run(world, calls, { NODE_DEBUG: "mcp-auth" });
  for (const secret of [chosen, "a-secret-value", "token-1", "token-2"]) expect(err).not.toContain(secret);
  return { out, err: normalized(err, world) };
}

/** The lines with the same process id, hosts and times in every run. */
function normalized(err: string, { issuer, mcp }: World): string {
  const hostOf = ({ origin }: HttpServer) => new URL(origin).host;
  return err
    .replaceAll(/^MCP-AUTH \d+:/gm, "MCP-AUTH 4711:")
    .replaceAll(hostOf(issuer), "auth.example")
    .replaceAll(hostOf(mcp), "crm.example")
    .replaceAll(/(?<=after )\d+(?= ms)/g, "12")
    .replaceAll(/\d+(?= ms left)/g, "990");
}

/** The block of code with this mark on the page. */
function sample(mark: string): string {
  const found = snippets(root, "docs/debugging.md").filter((each) => each.mark === mark);
  if (found.length !== 1) throw new Error(`expected one snippet with the mark "${mark}"`);
  return `${found[0]?.code}\n`;
}

test("the line that docs/debugging.md explains is one of those of a first call", () => {
  expect(sample("debug lines of a first call")).toContain(sample("debug line"));
});

test("NODE_DEBUG=mcp-auth prints the steps of a first call and of one with a cached token", async () => {
  const world = await startWorld({});
  const { out, err } = await debugged(world, 2);
  expect(out).toBe("200\n200\n");
  expect(err).toBe(sample("debug lines of a first call"));
});

test("NODE_DEBUG=mcp-auth prints a retry after a temporary failure", async () => {
  let requests = 0;
  const world = await startWorld({
    token(_request, response) {
      requests += 1;
      if (requests === 1) sendJson(response, { error: chosen, error_description: chosen }, 503);
      else sendJson(response, { access_token: "token-1", token_type: "Bearer", expires_in: 3600 });
    },
  });
  const { out, err } = await debugged(world, 1);
  expect(out).toBe("200\n");
  expect(err).toBe(sample("debug lines of a retry"));
});

test("NODE_DEBUG=mcp-auth prints a rejected credential and the cool-down that follows", async () => {
  const world = await startWorld({
    token: (_request, response) =>
      sendJson(response, { error: "invalid_client", error_description: chosen }, 401),
  });
  const { out, err } = await debugged(world, 2);
  expect(out).toBe("token_request_rejected\ntoken_request_rejected\n");
  expect(err).toBe(sample("debug lines of a rejected credential"));
});

test("NODE_DEBUG=mcp-auth prints how a refused token is replaced", async () => {
  const world = await startWorld({
    mcp({ headers }, response) {
      const isRefused = headers.authorization === "Bearer token-1";
      response.writeHead(isRefused ? 401 : 200, { "www-authenticate": `Bearer error="${chosen}"` }).end();
    },
  });
  const { out, err } = await debugged(world, 1);
  expect(out).toBe("200\n");
  expect(err).toBe(sample("debug lines of a refused token"));
});

test("a debug line does not show a host that a server chose", async () => {
  await using elsewhere = await startHttpServer((_request, response) => {
    sendJson(response, { access_token: "token-1", token_type: "Bearer", expires_in: 3600 });
  });
  const world = await startWorld({ tokenOrigin: elsewhere.origin });
  const { out, err } = await debugged(world, 1);
  expect(out).toBe("200\n");
  expect(err).toContain(": POST token endpoint (host not in the config)\n");
  expect(err).not.toContain(new URL(elsewhere.origin).host);
});

test.each([{}, { NODE_DEBUG: "http2" }])("nothing is printed with the environment %j", async (env) => {
  const world = await startWorld({});
  // Without debug lines nothing tells that the other document has arrived.
  const answer = setInterval(() => world.onStderr("200 from authorization server metadata"), 10);
  onTestFinished(() => clearInterval(answer));
  expect(await run(world, 1, env)).toEqual({ out: "200\n", err: "" });
});

test("docs/debugging.md names files and functions that exist", async () => {
  const text = await readFile(page, "utf8");
  const rows = [...text.matchAll(/^\| .* \| (`\w+`.*) \| (`src\/.*`) \|$/gm)];
  expect(rows.length).toBeGreaterThanOrEqual(10);
  for (const [, names = "", files = ""] of rows) {
    const inQuotes = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, each = ""]) => each);
    const sources = inQuotes(files).map((file) =>
      readFile(new URL(`../../${file}`, import.meta.url), "utf8"),
    );
    const source = (await Promise.all(sources)).join("\n");
    for (const name of inQuotes(names)) expect(source).toMatch(new RegExp(`(?:function|class) ${name}\\b`));
  }
});
