import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket, type TlsOptions } from "node:tls";
import { inspect } from "node:util";
import { Agent } from "undici";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import type { NetworkSpec } from "../../../src/config/spec.js";
import type { McpAuthError } from "../../../src/errors/error.js";
import { systemClock } from "../../../src/lib/clock.js";
import { Secret } from "../../../src/lib/secret.js";
import { boundedFetch, type FetchFunction } from "../../../src/net/bounded-fetch.js";
import type { TlsIdentity } from "../../../src/net/client-certificate.js";
import { createNetwork, type Network } from "../../../src/net/network.js";
import { ServerClocks } from "../../../src/net/server-clocks.js";
import { createAuthority, selfSigned } from "../../support/certificates.js";
import { deferred } from "../../support/deferred.js";
import { type Listening, listen } from "../../support/listen.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { startConnectProxy } from "./connect-proxy.js";

type Authority = Awaited<ReturnType<typeof createAuthority>>;

let authority: Authority;
let folder: string;
/** The authority's certificate. */
let ca: string;
let serverTls: TlsOptions;
let alice: TlsIdentity;
let bob: TlsIdentity;
const open: { close(): unknown }[] = [];

beforeAll(async () => {
  authority = await createAuthority();
  folder = await mkdtemp(join(tmpdir(), "mcp-auth-net-"));
  ca = join(folder, "ca.pem");
  await writeFile(ca, authority.certificate);
  const { certificate, privateKey } = await authority.issue({ hosts: ["127.0.0.1", "server.test"] });
  serverTls = { cert: certificate, key: privateKey };
  alice = await identity({ subject: "CN=alice" });
  bob = await identity({ subject: "CN=bob" });
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function identity(options: Parameters<Authority["issue"]>[0], by = authority): Promise<TlsIdentity> {
  const { certificate, privateKey } = await by.issue({ client: true, ...options });
  return toIdentity(certificate, privateKey);
}

function toIdentity(certificate: string, privateKey: string): TlsIdentity {
  const { raw, validTo } = new X509Certificate(certificate);
  return {
    certificate,
    privateKey: new Secret(privateKey),
    passphrase: undefined,
    thumbprint: createHash("sha256").update(raw).digest("base64url"),
    expiresAt: Date.parse(validTo),
  };
}

/** Starts an https server that answers with the name in the client certificate. With `demand`, it requires one. */
async function serve(more: TlsOptions = {}, listener: RequestListener = whoAmI): Promise<Listening> {
  const listening = await listen(() => listener, { ...serverTls, ca: authority.certificate, ...more });
  open.push(listening);
  return listening;
}

const demand: TlsOptions = { requestCert: true, rejectUnauthorized: true };

function whoAmI(request: IncomingMessage, response: ServerResponse): void {
  const { socket } = request;
  const peer = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  response.end(peer?.subject ?? "nobody");
}

function network(
  spec: Partial<NetworkSpec> = {},
  env: Record<string, string> = {},
  send: FetchFunction = fetch,
): Network {
  const made = createNetwork({ fetch: send, spec: { ca: [], allowInsecureHttp: [], ...spec }, env });
  open.push(made);
  return made;
}

const text = async (response: Promise<Response>): Promise<string> => (await response).text();

/** Returns the error with which a token request fails. */
async function tokenRequestError(send: FetchFunction, url: string): Promise<McpAuthError> {
  const exchange = { server: "billing", target: "the token endpoint", url, timeout: 10_000 };
  const error = await rejectionOf(boundedFetch(send, { endpoint: "token endpoint", ...exchange }));
  expect(error.cause).toBeUndefined();
  return error;
}

const named = (origin: string, path = "/"): string => origin.replace("127.0.0.1", "server.test") + path;
const portOf = (origin: string): string => new URL(origin).port;

describe("Network.fetch", () => {
  test("the given fetch gets plain http without a proxy unchanged", async () => {
    const seen: unknown[][] = [];
    const send: FetchFunction = async (...given) => {
      seen.push(given);
      return new Response("ok");
    };
    const init = { method: "POST" };
    const url = "http://billing.mesh/mcp";
    for (const ourNetwork of [
      network({}, {}, send),
      network({ ca: [ca] }, {}, send),
      network({ proxy: false }, { HTTP_PROXY: "http://proxy.example:3128" }, send),
      network({}, { HTTP_PROXY: "http://proxy.example:3128", NO_PROXY: ".mesh" }, send),
    ]) {
      await ourNetwork.fetch(url, init);
      expect(seen.pop()).toEqual([url, init]);
    }
  });

  test.each<[string, Record<string, string>, readonly string[]]>([
    ["the variable NODE_USE_ENV_PROXY", { NODE_USE_ENV_PROXY: "1" }, []],
    ["an option in NODE_OPTIONS", { NODE_OPTIONS: "--no-warnings --use-env-proxy" }, []],
    ["an option of the command", {}, ["--use-env-proxy"]],
  ])(
    "plain http that needs no proxy uses our own connections if %s makes Node use one",
    async (_what, processEnv, execArgv) => {
      const agents: unknown[] = [];
      const send: FetchFunction = async (_input, init) => {
        agents.push(init !== undefined && "dispatcher" in init ? init.dispatcher : undefined);
        return new Response("ok");
      };
      const env = { HTTP_PROXY: "http://proxy.example:3128", NO_PROXY: ".mesh" };
      const requests: readonly (readonly [Partial<NetworkSpec>, Record<string, string>, string])[] = [
        [{}, env, "http://127.0.0.1:8080/token"],
        [{}, env, "http://billing.mesh/mcp"],
        [{ proxy: false }, env, "http://10.0.0.1/mcp"],
        // The process has a proxy that the runtime was not told.
        [{}, {}, "http://127.0.0.1:8080/token"],
      ];
      for (const [spec, variables, url] of requests) {
        const options = {
          spec: { ca: [], allowInsecureHttp: [], ...spec },
          env: variables,
          processEnv,
          execArgv,
        };
        const ourNetwork = createNetwork({ fetch: send, ...options });
        open.push(ourNetwork);
        await ourNetwork.fetch(url);
      }
      expect(agents).toEqual(requests.map(() => expect.any(Agent)));
    },
  );

  test("the given fetch sends https requests over our own connections", async () => {
    const seen: unknown[] = [];
    const send: FetchFunction = async (_input, init) => {
      seen.push(init);
      return new Response("ok");
    };
    await network({}, {}, send).fetch("https://auth.example/token");
    expect(seen).toEqual([{ dispatcher: expect.any(Agent) }]);
  });

  test("the given fetch sends every request with all members of its init", async () => {
    const seen: [unknown, RequestInit | undefined][] = [];
    const send: FetchFunction = async (input, init) => {
      seen.push([input, init]);
      return new Response("ok");
    };
    const { fetch: ourFetch } = network({ ca: [ca] }, {}, send);
    await ourFetch("https://auth.example/token", { method: "POST", body: "a=b", headers: { "x-a": "b" } });
    expect(seen).toEqual([
      [
        "https://auth.example/token",
        { method: "POST", body: "a=b", headers: { "x-a": "b" }, dispatcher: expect.any(Agent) },
      ],
    ]);
  });

  test("instrumentation of undici sees requests, also over https", async () => {
    const { origin } = await serve();
    const seen: unknown[] = [];
    const note = (message: unknown) => seen.push(message);
    subscribe("undici:request:create", note);
    onTestFinished(() => void unsubscribe("undici:request:create", note));
    await text(network({ ca: [ca] }).fetch(`${origin}/seen`));
    expect(seen).toEqual([{ request: expect.objectContaining({ origin, path: "/seen", method: "GET" }) }]);
  });

  test("a dispatcher of the caller is used", async () => {
    const seen: unknown[] = [];
    const send: FetchFunction = async (_input, init) => {
      seen.push(init);
      return new Response("ok");
    };
    const dispatcher = new Agent();
    open.push(dispatcher);
    // The types of the global fetch come from another copy of undici.
    const init = { dispatcher } as unknown as RequestInit;
    await network({ ca: [ca] }, {}, send).fetch("https://auth.example/", init);
    expect(seen).toEqual([init]);
  });

  test("the given fetch reports an invalid URL", async () => {
    await expect(network({ ca: [ca] }).fetch("mcp.example")).rejects.toBeInstanceOf(TypeError);
  });
});

describe("network.ca", () => {
  test("an authority in the config is trusted, also for a Request with a body", async () => {
    const { origin } = await serve({}, (request, response) => void request.pipe(response));
    const { fetch: ourFetch } = network({ ca: [ca] });
    expect(await text(ourFetch(new Request(origin, { method: "POST", body: "from a Request" })))).toBe(
      "from a Request",
    );
    expect(await text(ourFetch(new URL(origin), { method: "PUT", body: "from an init" }))).toBe(
      "from an init",
    );
  });

  test("an authority that is not configured is not trusted, and the message names network.ca", async () => {
    const { origin } = await serve();
    const error = await tokenRequestError(network().fetch, origin);
    expect(error).toMatchObject({ code: "tls_failed", retryable: false });
    expect(error.message).toBe(
      `Server "billing": could not open a trusted TLS connection to the token endpoint (${origin}) (SELF_SIGNED_CERT_IN_CHAIN). Its certificate comes from an authority that is not trusted. To trust it, name the certificate of that authority in "ca" under "network" in the config (network.ca), or in NODE_EXTRA_CA_CERTS.`,
    );
  });

  test("an authority in the config is not trusted for certificates of another one", async () => {
    const other = join(folder, "other.pem");
    await writeFile(other, (await createAuthority()).certificate);
    const { origin } = await serve();
    expect((await tokenRequestError(network({ ca: [other] }).fetch, origin)).code).toBe("tls_failed");
  });

  test("authorities from several files and from NODE_EXTRA_CA_CERTS are trusted", async () => {
    const other = join(folder, "two.pem");
    await writeFile(
      other,
      `Some words first\n${(await createAuthority()).certificate}\n${authority.certificate}`,
    );
    const { origin } = await serve();
    expect(await text(network({ ca: [other, ca] }).fetch(origin))).toBe("nobody");
  });

  test.each<[string, (pem: string) => string | Buffer]>([
    ["DER", (pem) => Buffer.from(pem.replaceAll(/-----.*-----/g, ""), "base64")],
    ["UTF-16", (pem) => Buffer.from(`\ufeff${pem}`, "utf16le")],
    ["base64 of PEM", (pem) => Buffer.from(pem).toString("base64")],
    ["PEM with \\n in place of line breaks", (pem) => pem.replaceAll("\n", "\\n")],
  ])("an authority in the config may be in %s", async (_name, change) => {
    const { origin } = await serve();
    const file = join(folder, "other-shape");
    await writeFile(file, change(authority.certificate));
    expect(await text(network({ ca: [file] }).fetch(origin))).toBe("nobody");
  });

  test("authorities in the config are added to those that Node trusts", async () => {
    const { networkTrust } = await import("../../../src/net/network-trust.js");
    const { rootCertificates } = await import("node:tls");
    const spec = { ca: [ca], allowInsecureHttp: [] };
    const trust = networkTrust({ spec, env: {}, processEnv: {}, hasOwnFetch: false });
    const trusted = (await trust.authorities()) ?? [];
    expect(trusted).toEqual(expect.arrayContaining([rootCertificates[0], rootCertificates.at(-1)]));
    expect(trusted.at(-1)?.trim()).toBe(authority.certificate.trim());
  });

  test.each<[string, () => Promise<string>, string]>([
    ["does not exist", async () => join(folder, "missing.pem"), "does not exist."],
    ["is a folder", async () => folder, "is not a regular file."],
    ["is a FIFO", async () => fifo(), "is not a regular file."],
    [
      "holds no certificate",
      () => written("-----BEGIN PRIVATE KEY-----\nhunter2\n"),
      "holds no certificate in PEM",
    ],
    ["is DER that is cut", () => written("\u0030\u0082\u0003"), "holds no certificate in PEM"],
    [
      "is PKCS #7",
      () => written("-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----\n"),
      "holds no certificate in PEM (-----BEGIN CERTIFICATE-----) or DER. It is PKCS #7. Convert it with: openssl pkcs7 -print_certs -in ",
    ],
    [
      "is damaged",
      () => written("-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n"),
      "is damaged: its certificate number 1 cannot be read.",
    ],
  ])(
    "a file of authorities that %s is config_invalid with its name, and nothing is sent",
    async (_name, file, says) => {
      const { origin } = await serve();
      const path = await file();
      const ourFetch = network({ ca: [path] }).fetch;
      const error = await tokenRequestError(ourFetch, origin);
      expect(error).toMatchObject({ code: "config_invalid", retryable: false, server: "billing" });
      expect(error.message).toContain(`Server "billing": the file ${path}, named in "network.ca", ${says}`);
      expect(inspect(error)).not.toContain("hunter2");
      await expect(ourFetch(origin)).rejects.toMatchObject({ code: "config_invalid" });
    },
  );

  test("a file of authorities is read only up to 4 MiB", async () => {
    const { readAuthorities } = await import("../../../src/net/authorities.js");
    const large = await written(" ".repeat(4_194_305));
    await expect(readAuthorities([large])).rejects.toThrow("is larger than 4 MiB.");
  });

  test("files of authorities are read on first use, and again after a failure", async () => {
    const { origin } = await serve();
    const file = join(folder, "late.pem");
    const ourFetch = network({ ca: [file] }).fetch;
    expect((await tokenRequestError(ourFetch, origin)).code).toBe("config_invalid");
    await writeFile(file, authority.certificate);
    expect(await text(ourFetch(origin))).toBe("nobody");
    await rm(file);
    expect(await text(ourFetch(origin))).toBe("nobody");
  });

  let files = 0;
  function fifo(): string {
    const path = join(folder, "fifo.pem");
    execFileSync("mkfifo", [path]);
    return path;
  }

  async function written(content: string): Promise<string> {
    files += 1;
    const path = join(folder, `written-${files}.pem`);
    await writeFile(path, content);
    return path;
  }
});

describe("NODE_TLS_REJECT_UNAUTHORIZED", () => {
  test("verification stays on even if NODE_TLS_REJECT_UNAUTHORIZED turns it off", async () => {
    const { origin } = await serve();
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    const ourNetwork = network({}, { NODE_TLS_REJECT_UNAUTHORIZED: "0" });
    expect((await tokenRequestError(ourNetwork.fetch, origin)).code).toBe("tls_failed");
    expect((await tokenRequestError(ourNetwork.fetchAs(alice), origin)).code).toBe("tls_failed");
  });

  test("verification stays on even if the process turns it off after the network was created", async () => {
    const { origin } = await serve();
    const ourNetwork = network();
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    expect((await tokenRequestError(ourNetwork.fetch, origin)).code).toBe("tls_failed");
  });

  test("verification stays on even if the process turns it off between a request and its connection", async () => {
    const { origin } = await serve();
    const ourNetwork = network({}, {}, (input, init) => {
      vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
      return fetch(input, init);
    });
    expect((await tokenRequestError(ourNetwork.fetch, origin)).code).toBe("tls_failed");
  });

  test("a connection that other code opened without verification is not reused", async () => {
    const urls: unknown[] = [];
    const { origin } = await serve({}, (request, response) => {
      urls.push(request.url);
      response.end("ok");
    });
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    expect(await text(fetch(`${origin}/careless`))).toBe("ok");
    vi.unstubAllEnvs();
    // Once that connection is idle, all code that uses the connection pool of the process reuses it.
    const reused = () => text(fetch(`${origin}/reused`)).catch(() => undefined);
    while ((await reused()) !== "ok");
    expect((await tokenRequestError(network().fetch, `${origin}/secret`)).code).toBe("tls_failed");
    expect(urls).toEqual(["/careless", "/reused"]);
  });

  test("a response of the host that throws when it is read is a failure of the network, without its text", async () => {
    const hostile = new Proxy(new Headers(), {
      get: () => {
        throw new TypeError("hunter2");
      },
    });
    const response = Object.defineProperty(new Response("ok"), "headers", { value: hostile });
    const made = createNetwork({
      ...{ fetch: () => Promise.resolve(response), spec: { ca: [], allowInsecureHttp: [] }, env: {} },
      serverClocks: new ServerClocks(systemClock),
    });
    const error = await tokenRequestError(made.fetch, "http://127.0.0.1:9/");
    expect(error.code).toBe("unavailable");
    expect(`${error.message}${error.stack}`).not.toContain("hunter2");
    await made.close();
  });

  test("a mistake in our own code is not reported as a failure of the network", async () => {
    const mistake = new TypeError("x is not a function");
    const broken = createNetwork({
      ...{ fetch, spec: { ca: [], allowInsecureHttp: [] }, env: {} },
      trust: { authorities: () => Promise.reject(mistake) },
    });
    const request = { endpoint: "token endpoint", url: "https://127.0.0.1:9/", timeout: 10_000 } as const;
    const exchange = boundedFetch(broken.fetch, {
      ...request,
      server: "billing",
      target: "the token endpoint",
    });
    await expect(exchange).rejects.toBe(mistake);
    await broken.close();
  });

  test.each<[string, () => Promise<TlsOptions>, string]>([
    [
      "has expired",
      () => tls({ hosts: ["127.0.0.1"], notAfter: new Date(Date.now() - 60_000) }),
      "has expired",
    ],
    ["is for another name", () => tls({ hosts: ["other.test"] }), "is for another name"],
    ["is self-signed", () => tls(undefined), "network.ca"],
  ])("a certificate that %s is refused, and the message says why", async (_name, options, says) => {
    const { origin } = await serve(await options());
    const error = await tokenRequestError(network({ ca: [ca] }).fetch, origin);
    expect(error).toMatchObject({ code: "tls_failed", retryable: false });
    expect(error.message).toContain(says);
  });

  test("TLS before 1.2 is refused", async () => {
    const { origin } = await serve({
      minVersion: "TLSv1",
      maxVersion: "TLSv1.1",
      ciphers: "ALL:@SECLEVEL=0",
    });
    const error = await tokenRequestError(network({ ca: [ca] }).fetch, origin);
    expect(error.code).toBe("tls_failed");
  });

  async function tls(options: Parameters<Authority["issue"]>[0] | undefined): Promise<TlsOptions> {
    const { certificate, privateKey } =
      options === undefined ? await selfSigned() : await authority.issue(options);
    return { cert: certificate, key: privateKey };
  }
});

describe("Network.fetchAs", () => {
  test("a client certificate is presented only to the server of its request", async () => {
    const { origin } = await serve({ requestCert: true, rejectUnauthorized: false });
    const ourNetwork = network({ ca: [ca] });
    expect(await text(ourNetwork.fetchAs(alice)(origin))).toBe("CN=alice");
    expect(await text(ourNetwork.fetchAs(bob)(origin))).toBe("CN=bob");
    expect(await text(ourNetwork.fetch(origin))).toBe("nobody");
    expect(await text(ourNetwork.fetchAs(alice)(new Request(origin)))).toBe("CN=alice");
  });

  test("a client certificate replaces the dispatcher of the caller", async () => {
    const { origin } = await serve(demand);
    const dispatcher = new Agent();
    open.push(dispatcher);
    // The types of the global fetch come from another copy of undici.
    const init = { dispatcher } as unknown as RequestInit;
    expect(await text(network({ ca: [ca] }).fetchAs(alice)(origin, init))).toBe("CN=alice");
  });

  test("calls with the same client certificate share one pool of connections", async () => {
    const server = await serve(demand);
    const ourNetwork = network({ ca: [ca] });
    for (let i = 0; i < 20; i += 1) await text(ourNetwork.fetchAs({ ...alice })(server.origin));
    // There is a second connection if the first was not free yet.
    const alices = server.connections;
    expect(alices).toBeLessThanOrEqual(2);
    await text(ourNetwork.fetchAs(bob)(server.origin));
    expect(server.connections).toBe(alices + 1);
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)(
    "a missing client certificate (%s) is tls_failed and not retryable",
    async (version) => {
      const { origin } = await serve({ ...demand, minVersion: version, maxVersion: version });
      const error = await tokenRequestError(network({ ca: [ca] }).fetch, origin);
      expect(error).toMatchObject({ code: "tls_failed", retryable: false });
      expect(error.message).toMatch(/demands? a client certificate/);
    },
  );

  test.each([
    [42, "rejected the client certificate"], // bad_certificate
    [43, "rejected the client certificate"], // unsupported_certificate
    [44, "rejected the client certificate"], // certificate_revoked
    [45, "rejected the client certificate"], // certificate_expired
    [46, "rejected the client certificate"], // certificate_unknown
    [48, "rejected the client certificate"], // unknown_ca
    [49, "rejected the client certificate"], // access_denied
    [116, "demands a client certificate"], // certificate_required
    [40, "may demand a client certificate"], // handshake_failure
    [70, "does not support TLS 1.2 or later"], // protocol_version
  ])("alert %d of the server is tls_failed and not retryable, and says: %s", async (alert, says) => {
    // A record with a fatal alert (RFC 8446 §5.1). Servers of Node send only few kinds of alerts.
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, alert])));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    open.push(server);
    // A TCP server that listens has an address object.
    const { port } = server.address() as AddressInfo;
    const error = await tokenRequestError(network().fetchAs(alice), `https://127.0.0.1:${port}`);
    expect(error).toMatchObject({ code: "tls_failed", retryable: false });
    expect(error.message).toContain(says);
  });

  test("a client certificate with the wrong key is key_invalid, and neither is shown", async () => {
    const mixed = { ...alice, privateKey: bob.privateKey };
    const error = await tokenRequestError(network({ ca: [ca] }).fetchAs(mixed), "https://127.0.0.1:1/");
    expect(error).toMatchObject({ code: "key_invalid", server: "billing" });
    const secret = bob.privateKey.reveal().split("\n")[1] ?? "";
    expect(secret.length).toBeGreaterThan(20);
    expect(inspect(error, { depth: 9 }) + error.stack).not.toContain(secret);
  });

  test("a client certificate works for many requests at once while others come and go", async () => {
    const { origin } = await serve(demand);
    const ourNetwork = network({ ca: [ca] });
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, i) => identity({ subject: `CN=e${i}` })).flatMap((made, i) =>
        [0, 1, 2].map(async () => [await text(ourNetwork.fetchAs(await made)(origin)), `CN=e${i}`]),
      ),
    );
    for (const [found, expected] of all) expect(found).toBe(expected);
  });
});

describe("network.proxy", () => {
  test("a proxy opens a tunnel to the host, and sees neither path nor headers", async () => {
    const { origin } = await serve();
    await using proxy = await startConnectProxy();
    const ourNetwork = network({ proxy: proxy.origin, ca: [ca] });
    expect(
      await text(ourNetwork.fetch(named(origin, "/token?x=1"), { headers: { authorization: "Bearer abc" } })),
    ).toBe("nobody");
    expect(proxy.targets).toEqual([`server.test:${portOf(origin)}`]);
    expect(proxy.authorizations).toEqual([undefined]);
  });

  test("a proxy of the environment is used, but not for NO_PROXY and not for this machine", async () => {
    const { origin } = await serve();
    await using proxy = await startConnectProxy();
    const env = { HTTPS_PROXY: proxy.origin };
    expect(await text(network({ ca: [ca] }, env).fetch(named(origin)))).toBe("nobody");
    expect(proxy.targets).toHaveLength(1);
    expect(await text(network({ ca: [ca] }, env).fetch(origin))).toBe("nobody");
    // A name that only the proxy can resolve.
    const exempt = network({ ca: [ca] }, { ...env, NO_PROXY: ".test" });
    expect((await tokenRequestError(exempt.fetch, named(origin))).message).toMatch(
      /could not be reached \((ENOTFOUND|EAI_AGAIN)\)/,
    );
    const off = network({ ca: [ca], proxy: false }, env);
    expect((await tokenRequestError(off.fetch, named(origin))).code).toBe("unavailable");
    expect(proxy.targets).toHaveLength(1);
  });

  test("only the proxy gets the user and password of its URL", async () => {
    const headers: unknown[] = [];
    const { origin } = await serve({}, (request, response) => {
      headers.push(request.headers);
      response.end();
    });
    await using proxy = await startConnectProxy();
    const ourNetwork = network({ proxy: proxy.origin.replace("//", "//agent:hunter2@"), ca: [ca] });
    await text(ourNetwork.fetch(named(origin)));
    expect(proxy.authorizations).toEqual([`Basic ${Buffer.from("agent:hunter2").toString("base64")}`]);
    expect(headers).toHaveLength(1);
    expect(headers[0]).not.toHaveProperty("proxy-authorization");
    expect(inspect(ourNetwork, { depth: 9, showHidden: true })).not.toContain("hunter2");
  });

  test("a client certificate works through a proxy", async () => {
    const { origin } = await serve(demand);
    await using proxy = await startConnectProxy();
    const ourNetwork = network({ proxy: proxy.origin, ca: [ca] });
    expect(await text(ourNetwork.fetchAs(alice)(named(origin)))).toBe("CN=alice");
    expect(await text(ourNetwork.fetchAs(bob)(named(origin)))).toBe("CN=bob");
    expect(proxy.targets).toHaveLength(2);
  });

  test("a proxy over TLS is verified", async () => {
    const { origin } = await serve(demand);
    await using proxy = await startConnectProxy({ tls: serverTls });
    const ourNetwork = network({ proxy: proxy.origin, ca: [ca] });
    expect(await text(ourNetwork.fetchAs(alice)(named(origin)))).toBe("CN=alice");
    expect(proxy.targets).toHaveLength(1);

    await using strange = await startConnectProxy({ tls: await tlsOf(selfSigned()) });
    const error = await tokenRequestError(network({ proxy: strange.origin, ca: [ca] }).fetch, named(origin));
    expect(error).toMatchObject({ code: "tls_failed", retryable: false });
    expect(error.message).toContain(`to the proxy ${strange.host} (from "proxy" under "network") (`);
    expect(strange.targets).toEqual([]);
  });

  test("a proxy over TLS is verified by its own name, and not by the name of the server behind it", async () => {
    const { origin } = await serve(serverTls);
    const url = named(origin);
    const { hostname } = new URL(url);
    const issued = (host: string) => tlsOf(authority.issue({ hosts: [host] }));
    await using own = await startConnectProxy({ tls: await issued("localhost") });
    const throughOwn = network({ proxy: own.origin.replace("127.0.0.1", "localhost"), ca: [ca] });
    expect((await throughOwn.fetch(url)).status).toBe(200);
    await using impostor = await startConnectProxy({ tls: await issued(hostname) });
    const throughImpostor = network({
      proxy: impostor.origin.replace("127.0.0.1", "user:hunter2@localhost"),
      ca: [ca],
    });
    expect((await tokenRequestError(throughImpostor.fetch, url)).code).toBe("tls_failed");
    expect(impostor.authorizations).toEqual([]);
  });

  test("a proxy over TLS is verified even if the process turns verification off", async () => {
    await using strange = await startConnectProxy({ tls: await tlsOf(selfSigned()) });
    const ourNetwork = network({ proxy: strange.origin });
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    expect((await tokenRequestError(ourNetwork.fetch, "https://auth.test/token")).code).toBe("tls_failed");
    expect(strange.targets).toEqual([]);
  });

  test("the server behind a proxy is verified too", async () => {
    const { origin } = await serve(await tlsOf(authority.issue({ hosts: ["other.test"] })));
    await using proxy = await startConnectProxy();
    const error = await tokenRequestError(network({ proxy: proxy.origin, ca: [ca] }).fetch, named(origin));
    expect(error.message).toContain("is for another name");
  });

  test("plain http goes through a tunnel of the proxy too", async () => {
    const server = await listen(() => (_request, response) => void response.end("plain"));
    open.push(server);
    await using proxy = await startConnectProxy();
    const ourNetwork = network({}, { HTTP_PROXY: proxy.origin });
    expect(await text(ourNetwork.fetch(named(server.origin)))).toBe("plain");
    expect(proxy.targets).toEqual([`server.test:${portOf(server.origin)}`]);
  });

  test.each([
    [407, false, "does not accept the user name and password in its URL (407). Correct them"],
    [403, false, "refused to connect to the server (403)"],
    [502, true, "refused to connect to the server (502)"],
    [429, true, "refused to connect to the server (429)"],
  ])(
    "a proxy that answers %d is unavailable, retryable %s, and only its host is shown",
    async (status, retryable, says) => {
      await using proxy = await startConnectProxy({ refuse: () => status });
      const url = proxy.origin.replace("//", "//agent:hunter2@");
      const ourFetch = network({ proxy: url }).fetch;
      const error = await tokenRequestError(ourFetch, "https://auth.test/token");
      expect(error).toMatchObject({ code: "unavailable", retryable, server: "billing" });
      expect(error.message).toContain(
        `Server "billing": the proxy ${proxy.host} (from "proxy" under "network") ${says}`,
      );
      // An MCP request gets the same error.
      const direct: unknown = await ourFetch("https://auth.test/mcp").catch((reason: unknown) => reason);
      expect(direct).toMatchObject({
        code: "unavailable",
        retryable,
        message: expect.stringMatching(/^The proxy /),
      });
      for (const shown of [error, direct]) {
        const all = inspect(shown, { depth: 9, showHidden: true }) + JSON.stringify(shown);
        expect(all).not.toContain("hunter2");
        expect(all).not.toContain(Buffer.from("agent:hunter2").toString("base64"));
        expect(all).not.toContain("Ignore");
      }
    },
  );

  test("a proxy that cannot be reached is unavailable and retryable, and its host is shown", async () => {
    const proxy = await startConnectProxy();
    await proxy.close();
    const ourFetch = network({ proxy: proxy.origin.replace("//", "//agent:hunter2@") }).fetch;
    const error = await tokenRequestError(ourFetch, "https://auth.test/token");
    expect(error).toMatchObject({ code: "unavailable", retryable: true });
    expect(error.message).toBe(
      `Server "billing": the proxy ${proxy.host} (from "proxy" under "network") could not be reached (ECONNREFUSED). Check "proxy" under "network" in the config, or name the host of the server in NO_PROXY if it must be reached without the proxy.`,
    );
  });

  test("an invalid proxy is config_invalid when it is needed", async () => {
    const error = await tokenRequestError(
      network({ proxy: "socks5://proxy.example" }).fetch,
      "https://auth.test/",
    );
    expect(error).toMatchObject({ code: "config_invalid", server: "billing" });
    expect(error.message).toContain('the proxy in "network" has a scheme that is not supported');
  });

  test("requests through a proxy reuse the tunnel", async () => {
    const { origin } = await serve();
    await using proxy = await startConnectProxy();
    const ourFetch = network({ proxy: proxy.origin, ca: [ca] }).fetch;
    for (let i = 0; i < 20; i += 1) await text(ourFetch(named(origin)));
    expect(proxy.targets.length).toBeLessThanOrEqual(2);
  });
});

describe("Network.fetchDirect", () => {
  test.each<[string, Partial<NetworkSpec>, boolean]>([
    ["the config", {}, true],
    ["the environment", {}, false],
  ])("no proxy of %s is used, for http and https", async (_what, spec, isConfigured) => {
    await using proxy = await startConnectProxy();
    const ourNetwork = isConfigured
      ? network({ ...spec, proxy: proxy.origin })
      : network(spec, { HTTP_PROXY: proxy.origin, HTTPS_PROXY: proxy.origin });
    for (const scheme of ["http", "https"]) {
      // A name that only the proxy can resolve.
      const error = await tokenRequestError(ourNetwork.fetchDirect, `${scheme}://server.test/`);
      expect(error.message).toMatch(/could not be reached \((ENOTFOUND|EAI_AGAIN)\)/);
    }
    expect(proxy.targets).toEqual([]);
  });

  test("plain http uses our own connections, because those of the host may go through a proxy", async () => {
    const listening = await listen(() => (_request, response) => void response.end("direct"));
    open.push(listening);
    const dispatchers: unknown[] = [];
    const send: FetchFunction = async (input, init) => {
      if (init !== undefined && "dispatcher" in init) dispatchers.push(init.dispatcher);
      return await fetch(input, init);
    };
    const ourNetwork = network({}, {}, send);
    const hostsOwn = new Agent();
    open.push(hostsOwn);
    const init = { dispatcher: hostsOwn } as unknown as RequestInit;
    expect(await text(ourNetwork.fetchDirect(listening.origin, init))).toBe("direct");
    expect(dispatchers).toHaveLength(1);
    expect(dispatchers[0]).not.toBe(hostsOwn);
  });

  test("the authorities of the config are trusted, and others are not", async () => {
    const { origin } = await serve();
    expect(await text(network({ ca: [ca] }).fetchDirect(origin))).toBe("nobody");
    expect((await tokenRequestError(network().fetchDirect, origin)).code).toBe("tls_failed");
  });
});

describe("Network.close", () => {
  test("close() closes idle connections, lets requests in progress end, and refuses new ones", async () => {
    const held = deferred<ServerResponse>();
    const slow = await serve({}, (_request, response) => {
      response.write("first, ");
      held.resolve(response);
    });
    const idle = await serve();
    const ourNetwork = network({ ca: [ca] });
    await text(ourNetwork.fetch(idle.origin));
    expect(idle.connections).toBe(1);
    const response = await ourNetwork.fetch(slow.origin);
    await ourNetwork.close();
    await settled(() => idle.connections === 0);
    (await held.promise).end("last");
    expect(await response.text()).toBe("first, last");
    expect((await tokenRequestError(ourNetwork.fetch, idle.origin)).code).toBe("stopped");
    await ourNetwork.close();
  });
});

async function tlsOf(made: Promise<{ certificate: string; privateKey: string }>): Promise<TlsOptions> {
  const { certificate, privateKey } = await made;
  return { cert: certificate, key: privateKey };
}

/** Waits for a condition that sockets fulfill some time later. The timeout of the test is the limit. */
async function settled(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}
