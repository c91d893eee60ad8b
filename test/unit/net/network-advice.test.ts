// What the error about a failed connection says: the cause, and what to do.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsOptions } from "node:tls";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { NetworkSpec } from "../../../src/config/spec.js";
import type { McpAuthError } from "../../../src/errors/error.js";
import { findingsIn } from "../../../src/errors/findings.js";
import type { Clock } from "../../../src/lib/clock.js";
import { boundedFetch } from "../../../src/net/bounded-fetch.js";
import type { Connection } from "../../../src/net/connection.js";
import { createNetwork } from "../../../src/net/network.js";
import { networkFailure } from "../../../src/net/network-failure.js";
import { createAuthority, selfSigned } from "../../support/certificates.js";
import { deferred } from "../../support/deferred.js";
import { fakeClock } from "../../support/fake-clock.js";
import { listen } from "../../support/listen.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { startConnectProxy } from "./connect-proxy.js";

type Env = Readonly<Record<string, string>>;

let authority: Awaited<ReturnType<typeof createAuthority>>;
let folder: string;
let ca: string;
let unrelated: string;

beforeAll(async () => {
  authority = await createAuthority();
  folder = await mkdtemp(join(tmpdir(), "mcp-auth-net-"));
  ca = join(folder, "ca.pem");
  unrelated = join(folder, "unrelated.pem");
  await writeFile(ca, authority.certificate);
  await writeFile(unrelated, (await createAuthority()).certificate);
  await writeFile(join(folder, "empty.pem"), "no certificate");
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Returns the error of a request through a network with this config and environment. */
async function errorOf(
  url: string,
  { spec = {}, env = {}, processEnv = {}, clock }: Options = {},
): Promise<McpAuthError> {
  const network = createNetwork({
    fetch: (input, init) => fetch(input, init),
    spec: { ca: [], allowInsecureHttp: [], ...spec },
    env,
    processEnv,
  });
  onTestFinished(() => network.close());
  const request = { server: "crm", target: "the token endpoint", endpoint: "token endpoint", url } as const;
  return await rejectionOf(
    boundedFetch(network.fetch, { ...request, timeout: 5_000, ...(clock && { clock }) }),
  );
}

interface Options {
  readonly spec?: Partial<NetworkSpec>;
  readonly env?: Env;
  readonly processEnv?: Env;
  readonly clock?: Clock;
}

async function serve(tls?: TlsOptions): Promise<string> {
  const server = await listen(() => (_request, response) => void response.end("ok"), tls);
  onTestFinished(() => server.close());
  return server.origin;
}

type Issued = Parameters<typeof authority.issue>[0];

async function trusted(options: Issued = {}): Promise<TlsOptions> {
  const { certificate, privateKey } = await authority.issue({
    hosts: ["127.0.0.1", "server.test"],
    ...options,
  });
  return { cert: certificate, key: privateKey };
}

async function ownCertificate(): Promise<TlsOptions> {
  const { certificate, privateKey } = await selfSigned();
  return { cert: certificate, key: privateKey };
}

/** Starts a TCP server on loopback. */
async function raw(onSocket: (socket: Socket) => void): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => {});
    onTestFinished(() => void socket.destroy());
    onSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  // A TCP server that listens has an address object.
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const named = (origin: string): string => origin.replace("127.0.0.1", "server.test");

describe("a TLS connection that is not trusted", () => {
  test.each<[string, () => Promise<TlsOptions>, Options, string, string]>([
    [
      "is self-signed",
      ownCertificate,
      {},
      "tls_self_signed",
      "The certificate is self-signed. If it is the right one, name it",
    ],
    [
      "comes from a private authority, whose certificate the server sends",
      async () => {
        const { cert, key } = await trusted();
        return { cert: `${String(cert)}${authority.certificate}`, key };
      },
      {},
      "tls_private_authority",
      'To trust it, name the certificate of that authority in "ca" under "network" in the config (network.ca)',
    ],
    [
      "comes from an unknown authority",
      () => trusted(),
      {},
      "tls_unknown_authority",
      "If it is a public one, the server does not send its whole chain",
    ],
    [
      "has expired",
      () => trusted({ notAfter: new Date(Date.now() - 60_000) }),
      { spec: {} },
      "tls_certificate_expired",
      "has expired. Have it renewed",
    ],
    [
      "is not valid yet",
      () => trusted({ notBefore: new Date(Date.now() + 3_600_000) }),
      {},
      "tls_certificate_not_yet_valid",
      "Check the clock of this machine first",
    ],
    [
      "is for another name",
      () => trusted({ hosts: ["other.test"] }),
      {},
      "tls_certificate_name",
      "is for another name",
    ],
  ])("if the certificate %s, the message says so", async (_what, tls, options, id, says) => {
    const needsTrust = ["tls_certificate_expired", "tls_certificate_not_yet_valid", "tls_certificate_name"];
    const spec = needsTrust.includes(id) ? { ca: [ca] } : {};
    const error = await errorOf(await serve(await tls()), { ...options, spec });
    expect(error).toMatchObject({ code: "tls_failed", retryable: false });
    expect(error.message).toContain(says);
    expect(findingsIn(error)).toEqual([id]);
  });

  test("if `network.ca` has other certificates, the message says that they do not help", async () => {
    const error = await errorOf(await serve(await trusted()), { spec: { ca: [unrelated] } });
    expect(error.message).toMatch(/ The files in network\.ca do not have it\.$/);
  });

  test.each<[string, Options, string]>([
    ["is not set", {}, ""],
    [
      "names no file",
      { processEnv: { NODE_EXTRA_CA_CERTS: "/nowhere/ca.pem" } },
      "names a file that does not exist, which Node ignores.",
    ],
    [
      "names a folder",
      { processEnv: { NODE_EXTRA_CA_CERTS: tmpdir() } },
      "names a file that cannot be read, which Node ignores.",
    ],
    [
      "is only in an env file",
      { env: { NODE_EXTRA_CA_CERTS: "/ca.pem" } },
      "has no effect, because Node reads it when the process starts",
    ],
  ])("if NODE_EXTRA_CA_CERTS %s, the message says whether it has an effect", async (_what, options, says) => {
    const { message } = await errorOf(await serve(await trusted()), options);
    if (says === "") expect(message).not.toMatch(/NODE_EXTRA_CA_CERTS (?:names|has)/);
    else expect(message).toContain(` NODE_EXTRA_CA_CERTS ${says}`);
  });

  test("if NODE_EXTRA_CA_CERTS names a file without a certificate, the message says so", async () => {
    const processEnv = { NODE_EXTRA_CA_CERTS: join(folder, "empty.pem") };
    const { message } = await errorOf(await serve(await trusted()), { processEnv });
    expect(message).toContain(
      "NODE_EXTRA_CA_CERTS names a file without a certificate in PEM, which Node ignores.",
    );
  });

  test("a server that speaks plain http on the port is told from one with a bad certificate", async () => {
    const error = await errorOf((await serve()).replace("http:", "https:"));
    expect(findingsIn(error)).toEqual(["tls_plain_port"]);
    expect(error.message).toContain(
      "What answers there is not TLS: the port may expect plain http. Write the URL with http, or correct the port.",
    );
  });

  test("a server that supports only old versions of TLS is told from one with a bad certificate", async () => {
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" } as const;
    const error = await errorOf(await serve({ ...(await trusted()), ...old }), { spec: { ca: [ca] } });
    expect(findingsIn(error)).toEqual(["tls_old_version"]);
  });

  test("if a proxy of the environment intercepts TLS, the message names the variable, the proxy and `network.ca`", async () => {
    const origin = await serve(await trusted());
    await using proxy = await startConnectProxy();
    const env = { https_proxy: proxy.origin.replace("//", "//agent:hunter2@") };
    const error = await errorOf(named(origin), { env });
    expect(findingsIn(error)).toEqual(["tls_intercepted"]);
    expect(error.message).toContain(
      `If the proxy ${proxy.host} (from https_proxy) replaces certificates with its own, name the certificate of that ` +
        'authority in "ca" under "network" in the config (network.ca)',
    );
    expect(error.message).not.toContain("hunter2");
  });
});

describe("a proxy of the environment", () => {
  test.each([
    ["HTTPS_PROXY", "https://auth.test/token"],
    ["https_proxy", "https://auth.test/token"],
    ["HTTP_PROXY", "http://auth.mesh/token"],
  ])(
    "if the proxy in %s cannot be reached, the message names the variable and how to do without",
    async (name, url) => {
      const closed = await startConnectProxy();
      await closed.close();
      const env = { [name]: closed.origin.replace("//", "//agent:hunter2@") };
      const error = await errorOf(url, { env, spec: { allowInsecureHttp: ["auth.mesh"] } });
      expect(error).toMatchObject({ code: "unavailable", retryable: true });
      expect(error.message).toBe(
        `Server "crm": the proxy ${closed.host} (from ${name}) could not be reached (ECONNREFUSED). Check ${name}. If the ` +
          'server must be reached without the proxy, name its host in NO_PROXY, or set "proxy" under "network" in the config ' +
          "to false.",
      );
      expect(findingsIn(error)).toEqual(["proxy_unreachable"]);
    },
  );

  test.each([
    [
      "without a user name",
      "",
      "requires a user name and password (407). Add them to the URL",
      "proxy_credentials_missing",
    ],
    [
      "with a user name",
      "agent:hunter2@",
      "does not accept the user name and password in its URL (407)",
      "proxy_credentials_refused",
    ],
  ])("if a proxy %s answers 407, the message names the variable", async (_what, userinfo, says, id) => {
    await using proxy = await startConnectProxy({ refuse: () => 407 });
    const env = { HTTPS_PROXY: proxy.origin.replace("//", `//${userinfo}`) };
    const error = await errorOf("https://auth.test/token", { env });
    expect(error.message).toContain(`the proxy ${proxy.host} (from HTTPS_PROXY) ${says}`);
    expect(error.message).not.toContain("hunter2");
    expect(findingsIn(error)).toEqual([id]);
  });

  test("if a proxy refuses the server, the message says how to reach it without the proxy", async () => {
    await using proxy = await startConnectProxy({ refuse: () => 403 });
    const error = await errorOf("https://auth.test/token", { env: { HTTPS_PROXY: proxy.origin } });
    expect(error.message).toContain(
      "(403). It may not be allowed there. Check HTTPS_PROXY. If the server must be",
    );
    expect(findingsIn(error)).toEqual(["proxy_refuses_server"]);
  });

  test("if a proxy closes the tunnel, the message names the proxy", async () => {
    const closing = await raw((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        socket.once("data", () => socket.destroy());
      });
    });
    const error = await errorOf("https://auth.test/token", { env: { HTTPS_PROXY: `http://${closing}` } });
    expect(error.message).toContain(
      `could not be reached (ECONNRESET). The connection through the proxy ${closing} (from HTTPS_PROXY) ended during the ` +
        "TLS handshake: the proxy or the server closed it. Check HTTPS_PROXY.",
    );
  });

  test("if a proxy opens no tunnel in time, the message names the proxy", async () => {
    const clock = fakeClock();
    const asked = deferred();
    const silent = await raw((socket) => void socket.once("data", () => asked.resolve()));
    const error = errorOf("https://auth.test/token", { env: { HTTPS_PROXY: `http://${silent}` }, clock });
    await asked.promise;
    await clock.advance(5_000);
    expect(await error).toMatchObject({ code: "timeout", retryable: true });
    expect((await error).message).toContain(
      `(https://auth.test/token) could not be connected to within 5000 ms. It goes through the proxy ${silent} (from ` +
        "HTTPS_PROXY). Check HTTPS_PROXY.",
    );
  });
});

describe("a server that cannot be reached", () => {
  const failure = (code: string, connection?: Partial<Connection>, more: object = {}) => {
    const cause = Object.assign(new Error("canary"), { code, ...more });
    const known = { proxy: undefined, hasAuthorities: false };
    const url = new URL("https://auth.example/token");
    return networkFailure({ cause }, "it", connection && { url, ...known, ...connection });
  };

  test.each<[string, Partial<Connection>, string, string]>([
    ["ENOTFOUND", {}, "dns_unknown_name", "DNS does not know the host. Check its spelling."],
    ["EAI_AGAIN", {}, "dns_no_answer", "The DNS server did not answer. This is usually temporary"],
    ["ECONNREFUSED", {}, "refused", "Nothing accepts connections there."],
    [
      "ECONNREFUSED",
      { url: new URL("http://localhost:3000/mcp") },
      "refused_on_loopback",
      "In a container, this machine is the container itself.",
    ],
    ["EHOSTUNREACH", {}, "no_route", "This machine has no route to it."],
    ["UND_ERR_CONNECT_TIMEOUT", {}, "no_connection_in_time", "A firewall may drop the packets"],
    ["ECONNRESET", {}, "closed_without_answer", "It closed the connection before it answered."],
    [
      "UND_ERR_SOCKET",
      { url: new URL("http://127.0.0.1/") },
      "closed_plain_http",
      "write the URL with https",
    ],
    ["EWEIRD", {}, "unreachable", "Check its address and the network."],
  ])("the code %s is explained (%j)", (code, connection, id, says) => {
    const { finding, detail, retryable } = failure(code, connection);
    expect({ finding, retryable }).toEqual({ finding: id, retryable: true });
    expect(detail).toContain(`it could not be reached (${code}). `);
    expect(detail).toContain(says);
    expect(detail).not.toContain("canary");
  });

  test("a host that has only IPv6 addresses is told from one without a route", () => {
    expect(failure("ENETUNREACH", {}, { address: "2001:db8::1" }).finding).toBe("no_ipv6_route");
    expect(failure("ENETUNREACH", {}, { address: "192.0.2.1" }).finding).toBe("no_route");
    const errors = ["2001:db8::1", "192.0.2.1"].map((address) =>
      Object.assign(new Error(), { code: "ENETUNREACH", address }),
    );
    expect(failure("ENETUNREACH", {}, { errors }).finding).toBe("no_route");
  });

  test.each([
    [{ ALL_PROXY: "http://proxy.example" }, "ALL_PROXY is set but not used for this URL: set HTTPS_PROXY"],
    [{ http_proxy: "http://proxy.example" }, "http_proxy is set but not used for this URL: set HTTPS_PROXY"],
    [{}, "If this machine needs a proxy, set HTTPS_PROXY"],
  ])(
    "with the environment %j, an unknown host is explained by the proxy that is not used",
    async (env, says) => {
      const error = await errorOf("https://server.test/token", { env });
      expect(error.message).toContain(says);
    },
  );

  test("a server that closes the connection instead of a TLS handshake is told from one that closes it later", async () => {
    const closing = await raw((socket) => void socket.once("data", () => socket.destroy()));
    const error = await errorOf(`https://${closing}/token`);
    expect(error).toMatchObject({ code: "unavailable", retryable: true });
    expect(findingsIn(error)).toEqual(["closed_in_handshake"]);
    const later = await listen(() => (_request, response) => void response.destroy(), await trusted());
    onTestFinished(() => later.close());
    expect(findingsIn(await errorOf(later.origin, { spec: { ca: [ca] } }))).toEqual([
      "closed_without_answer",
    ]);
  });

  test("a server that expects TLS closes a plain connection, and the message says to write https", async () => {
    const origin = await serve(await trusted());
    const error = await errorOf(origin.replace("https:", "http:"));
    expect(error.message).toContain("If that port expects TLS, write the URL with https");
    expect(findingsIn(error)).toEqual(["closed_plain_http"]);
  });
});

describe("a request that takes too long", () => {
  test("a connection that is never set up is told from a server that does not answer", async () => {
    const clock = fakeClock();
    const greeted = deferred();
    const silent = await raw((socket) => void socket.once("data", () => greeted.resolve()));
    const connecting = errorOf(`https://${silent}/token`, { clock });
    await greeted.promise;
    await clock.advance(5_000);
    expect((await connecting).message).toContain(
      "could not be connected to within 5000 ms. A firewall may drop",
    );
    expect(findingsIn(await connecting)).toEqual(["no_connection_in_time"]);

    const asked = deferred();
    const slow = await listen(() => () => asked.resolve(), await trusted());
    onTestFinished(() => slow.close());
    const answering = errorOf(slow.origin, { clock, spec: { ca: [ca] } });
    await asked.promise;
    await clock.advance(5_000);
    expect((await answering).message).toContain("did not answer within 5000 ms. Try again, or raise");
    expect(findingsIn(await answering)).toEqual(["no_answer_in_time"]);
  });
});
