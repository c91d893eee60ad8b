// Processes share metadata and tokens only with processes that trust the same servers.

import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { FetchFunction, McpAuthConfig, McpAuthOptions } from "../../src/index.js";
import { internalsOf } from "../../src/runtime/manager-internals.js";
import { createFileStore } from "../../src/stores/file.js";
import { type Authority, createAuthority } from "../support/certificates.js";
import { listen } from "../support/listen.js";
import { sharedMemory } from "../support/shared-memory.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { createTestRuntime, sendToken, startScriptedIssuer } from "./harness.js";

const secret = "canary-secret";
const issuer = "https://auth.test";
const url = "https://mcp.test/mcp";
const elsewhere = "https://elsewhere.test/token";

let [real, forger]: Authority[] = [];
beforeAll(async () => {
  [real, forger] = [await createAuthority(), await createAuthority()];
});

interface Place {
  /** Proxy that sends every request to this server, for any host. */
  readonly proxy: string;
  readonly ca: string;
  /** All requests, in the form `POST auth.test/token`. */
  readonly requests: readonly string[];
  readonly bodies: readonly string[];
}

/** Starts a server that answers for all hosts with a certificate of the authority, metadata and a token. */
async function place(authority: Authority | undefined, tokenEndpoint: string, token: string): Promise<Place> {
  if (authority === undefined) throw new Error("The authority does not exist yet.");
  const hosts = [issuer, url, elsewhere].map((each) => new URL(each).hostname);
  const { certificate, privateKey } = await authority.issue({ hosts });
  const requests: string[] = [];
  const bodies: string[] = [];
  const server = await listen(
    () => (request, response) => {
      requests.push(`${request.method} ${request.headers.host}${request.url}`);
      let body = "";
      request.setEncoding("utf8").on("data", (text) => (body += text));
      request.on("end", () => {
        bodies.push(body);
        const json = (value: object, status = 200) =>
          response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
        if (request.method === "POST")
          return json({ access_token: token, token_type: "Bearer", expires_in: 600 });
        if (request.url === "/.well-known/oauth-authorization-server") {
          return json({ issuer, token_endpoint: tokenEndpoint });
        }
        if (request.url === "/.well-known/oauth-protected-resource/mcp") {
          return json({ resource: url, authorization_servers: [issuer] });
        }
        return json({}, 404);
      });
    },
    { cert: certificate, key: privateKey },
  );
  onTestFinished(() => server.close());
  const proxy = await proxyTo(Number(new URL(server.origin).port));
  const ca = join(await temporaryFolder(), "ca.pem");
  await writeFile(ca, authority.certificate);
  return { proxy, ca, requests, bodies };
}

async function proxyTo(port: number): Promise<string> {
  const server = createServer();
  server.on("connect", (_request, client) => {
    const tunnel = connect(port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      client.pipe(tunnel).pipe(client);
    });
    for (const [one, other] of [
      [client, tunnel],
      [tunnel, client],
    ] as const) {
      one.on("error", () => {}).on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  // The address of a listening TCP server is an object.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const stores: ReadonlyArray<
  readonly [string, () => Promise<Pick<McpAuthOptions, "store"> & { config?: object }>]
> = [
  [
    "in memory",
    async () => {
      const memory = sharedMemory();
      return {
        get store() {
          return memory.store();
        },
      };
    },
  ],
  [
    "of files",
    async () => ({
      config: { store: { type: "file", path: await temporaryFolder(), encryptionKey: { env: "STORE_KEY" } } },
    }),
  ],
];

const storeKey = randomBytes(32).toString("base64url");

/** Returns the token of a process that reaches a server through its proxy and uses a store. */
async function tokenAt(
  { proxy, ca }: Pick<Place, "proxy" | "ca">,
  over: Pick<McpAuthOptions, "store"> & { config?: object },
  options: Partial<McpAuthOptions> = {},
): Promise<string> {
  const client = { issuer, id: "agent", secret: { env: "SECRET" }, method: "client_secret_post" as const };
  const config: McpAuthConfig<"tools"> = {
    servers: { tools: { url, grant: { client } } },
    network: { proxy, ca },
    ...over.config,
  };
  const env = { SECRET: secret, STORE_KEY: storeKey };
  const store = over.store === undefined ? {} : { store: over.store };
  const auth = await createTestRuntime<string>({ config, env, ...store, ...options });
  try {
    return await auth.resolve("tools").getAccessToken();
  } finally {
    // Writes pending store entries.
    await auth.stop();
  }
}

describe.each(stores)("processes with a store %s", (_kind, open) => {
  test("a forged token endpoint that a process with another authority accepts gets no secret of other processes", async () => {
    const [good, evil] = [
      await place(real, `${issuer}/token`, "good"),
      await place(forger, elsewhere, "evil"),
    ];
    const over = await open();
    expect(await tokenAt(evil, over)).toBe("evil");
    expect(evil.requests).toContain("POST elsewhere.test/token");
    expect(await tokenAt(good, over)).toBe("good");
    expect(good.requests).toContain("POST auth.test/token");
    expect(good.requests.join()).not.toContain("elsewhere.test");
    expect(good.bodies.join()).toContain(secret);
  });

  test("a forged token endpoint from the fetch of one process gets no secret of other processes", async () => {
    const good = await place(real, `${issuer}/token`, "good");
    const forging: FetchFunction = async (input, init) => {
      if (init?.method === "POST")
        return Response.json({ access_token: "evil", token_type: "Bearer", expires_in: 600 });
      const isIssuer = String(input).startsWith(issuer);
      return isIssuer
        ? Response.json({ issuer, token_endpoint: elsewhere })
        : Response.json({ resource: url, authorization_servers: [issuer] });
    };
    const over = await open();
    expect(await tokenAt(good, over, { fetch: forging })).toBe("evil");
    expect(await tokenAt(good, over)).toBe("good");
    expect(good.requests.join()).not.toContain("elsewhere.test");
  });

  test("a process with a custom fetch does not use stored metadata of other processes", async () => {
    const [good, evil] = [
      await place(real, `${issuer}/token`, "good"),
      await place(forger, elsewhere, "evil"),
    ];
    const over = await open();
    expect(await tokenAt(evil, over)).toBe("evil");
    const requestedUrls: string[] = [];
    const own: FetchFunction = async (input, init) => {
      requestedUrls.push(String(input));
      return await fetch(input, init);
    };
    expect(await tokenAt(good, over, { fetch: own })).toBe("good");
    expect(requestedUrls).toContain(`${issuer}/.well-known/oauth-authorization-server`);
    expect(requestedUrls).not.toContain(elsewhere);
  });

  test("processes with the same certificate authority in different files share tokens and metadata", async () => {
    const good = await place(real, `${issuer}/token`, "good");
    const over = await open();
    expect(await tokenAt(good, over)).toBe("good");
    const requestsBefore = good.requests.length;
    const copy = join(await temporaryFolder(), "copy.pem");
    await writeFile(copy, `Our authority\n${real?.certificate}`);
    expect(await tokenAt({ ...good, ca: copy }, over)).toBe("good");
    expect(good.requests.length).toBe(requestsBefore);
  });
});

test("processes with different token endpoints in the config do not share a token", async () => {
  let count = 0;
  const server = await startScriptedIssuer(
    (_request, response) => sendToken(response, `t${++count}`),
    (_request, response) => sendToken(response, `t${++count}`),
  );
  const memory = sharedMemory();
  const { origin } = server.server;
  const tokens: string[] = [];
  for (const path of ["/token", "/token", "/other"]) {
    const metadata = { tokenEndpoint: `${origin}${path}` };
    const client = { issuer: origin, id: "agent", secret: { env: "SECRET" }, metadata };
    const config: McpAuthConfig<"tools"> = { servers: { tools: { url: server.url, grant: { client } } } };
    const auth = await createTestRuntime<"tools">({ config, env: server.env, store: memory.store() });
    tokens.push(await auth.resolve("tools").getAccessToken());
    await auth.stop();
  }
  expect(tokens).toEqual(["t1", "t1", "t2"]);
});

test("clearing the store of a server deletes its metadata for all trust settings, and no other server's", async () => {
  const [one, other] = [
    await startScriptedIssuer((_request, response) => sendToken(response, "one")),
    await startScriptedIssuer((_request, response) => sendToken(response, "other")),
  ];
  const folder = await temporaryFolder();
  const client = (issuer: string) => ({ issuer, id: "agent", secret: { env: "SECRET" } });
  const run = async (network: McpAuthConfig["network"]) => {
    const config: McpAuthConfig<"one" | "other"> = {
      servers: {
        one: { url: one.url, grant: { client: client(one.server.origin) } },
        other: { url: other.url, grant: { client: client(other.server.origin) } },
      },
      store: { type: "file", path: folder, encryptionKey: { env: "STORE_KEY" } },
      ...(network && { network }),
    };
    return await createTestRuntime<"one" | "other">({ config, env: { ...one.env, STORE_KEY: storeKey } });
  };
  for (const network of [undefined, { allowInsecureHttp: ["a.mesh"] }]) {
    const auth = await run(network);
    for (const name of auth.servers) await auth.resolve(name).getAccessToken();
    await auth.stop();
  }
  const store = createFileStore({ path: folder });
  onTestFinished(() => store.close());
  const metadata = async () => (await store.keys("metadata.")).length;
  // The metadata of an issuer and a resource for each of two servers and two trust settings.
  expect(await metadata()).toBe(8);
  const auth = await run(undefined);
  await internalsOf(auth.resolve("one")).store?.forget();
  expect(await metadata()).toBe(4);
  const requestsBefore = [one, other].map(({ server }) => server.requests.length);
  const later = await run(undefined);
  for (const name of later.servers) await later.resolve(name).getAccessToken();
  const isMetadata = ({ url }: { readonly url: string }) => url.startsWith("/.well-known/");
  expect(one.server.requests.slice(requestsBefore[0]).some(isMetadata)).toBe(true);
  expect(other.server.requests.slice(requestsBefore[1])).toEqual([]);
});
