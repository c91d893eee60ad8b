import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ClientSpec } from "../../../../src/config/spec.js";
import { MetadataCache } from "../../../../src/discovery/metadata-cache.js";
import { createNetwork } from "../../../../src/net/network.js";
import {
  type Authority,
  createAuthority,
  type IssuedCertificate,
  selfSigned,
} from "../../../support/certificates.js";
import { sendJson } from "../../../support/http-server.js";
import { listen } from "../../../support/listen.js";
import { certificateThumbprint, clientCertificate, serverTls } from "../../../support/mutual-tls.js";
import { backdate } from "../../secrets/backdate.js";
import { clientCredentialsGrant, clock, failureOf, signal } from "../fixtures.js";

interface Seen {
  readonly url: string | undefined;
  readonly thumbprint: string | undefined;
  readonly authorization: string | undefined;
  readonly body: string;
}

let authority: Authority;
let folder: string;
beforeAll(async () => {
  authority = await createAuthority();
  folder = await mkdtemp(join(tmpdir(), "certificate-"));
  await writeFile(join(folder, "ca.pem"), authority.certificate);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Starts an authorization server that requests a certificate and accepts any. */
async function startServer(metadata: (origin: string) => object) {
  const seen: Seen[] = [];
  const server = await listen(
    (origin) => async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      if (request.method === "POST") {
        const certificate = clientCertificate(request);
        seen.push({
          url: request.url,
          thumbprint: certificate && certificateThumbprint(certificate),
          authorization: request.headers.authorization,
          body: Buffer.concat(chunks).toString("utf8"),
        });
        return sendJson(response, { access_token: "granted", token_type: "Bearer", expires_in: 60 });
      }
      if (request.url === "/.well-known/oauth-authorization-server") {
        return sendJson(response, {
          issuer: origin,
          token_endpoint: `${origin}/token`,
          ...metadata(origin),
        });
      }
      response.writeHead(404).end();
    },
    await serverTls({ authority, askClients: true }),
  );
  return { ...server, seen, [Symbol.asyncDispose]: () => server.close() };
}

const paths = () => ({ cert: join(folder, "agent.crt"), key: join(folder, "agent.key") });

async function put({ certificate, privateKey }: IssuedCertificate): Promise<string> {
  const { cert, key } = paths();
  await Promise.all([writeFile(cert, certificate), writeFile(key, privateKey)]);
  await backdate(cert, key);
  return certificateThumbprint(certificate);
}

const client = (issuer: string): ClientSpec => ({
  issuer,
  id: "billing-agent",
  credential: {
    kind: "certificate",
    certificate: { cert: { file: paths().cert }, key: { file: paths().key } },
  },
});

function grantOf(origin: string) {
  const spec = { ca: [join(folder, "ca.pem")], allowInsecureHttp: [] };
  const network = createNetwork({ fetch, spec, env: {} });
  const { fetch: trusting } = network;
  const metadata = new MetadataCache({ fetch: trusting, clock });
  const grant = clientCredentialsGrant(origin, client(origin), { fetch: trusting, network, metadata });
  return { grant: () => grant({ signal: signal() }), [Symbol.asyncDispose]: () => network.close() };
}

const body = (origin: string) =>
  `grant_type=client_credentials&resource=${encodeURIComponent(`${origin}/mcp`)}&client_id=billing-agent`;

describe("tls_client_auth", () => {
  it("presents the certificate at the mTLS alias, with the client's id and no other credential", async () => {
    const thumbprint = await put(await authority.issue({ client: true, subject: "CN=agent" }));
    await using server = await startServer((origin) => ({
      token_endpoint_auth_methods_supported: ["private_key_jwt", "tls_client_auth"],
      mtls_endpoint_aliases: { token_endpoint: `${origin}/mtls/token` },
    }));
    await using client = grantOf(server.origin);
    await client.grant();
    expect(server.seen).toEqual([
      { url: "/mtls/token", thumbprint, authorization: undefined, body: body(server.origin) },
    ]);
  });

  it("presents the certificate at the token endpoint if there is no alias and no list of methods", async () => {
    const thumbprint = await put(await authority.issue({ client: true }));
    await using server = await startServer(() => ({}));
    await using client = grantOf(server.origin);
    await client.grant();
    expect(server.seen).toMatchObject([{ url: "/token", thumbprint, body: body(server.origin) }]);
  });

  it("uses replaced files for the next request", async () => {
    await using server = await startServer(() => ({}));
    await using client = grantOf(server.origin);
    const thumbprints: string[] = [];
    for (const subject of ["CN=before", "CN=after"]) {
      thumbprints.push(await put(await authority.issue({ client: true, subject })));
      await client.grant();
    }
    expect(server.seen.map(({ thumbprint }) => thumbprint)).toEqual(thumbprints);
  });

  it("sends nothing when the key belongs to another certificate, and shows neither", async () => {
    const { certificate } = await authority.issue({ client: true });
    const { privateKey } = await authority.issue({ client: true });
    await put({ certificate, privateKey });
    await using server = await startServer(() => ({}));
    await using client = grantOf(server.origin);
    const canaries = [privateKey, certificate].map((pem) => pem.split("\n")[1] ?? "no PEM");
    expect(await failureOf(client.grant(), canaries)).toMatchObject({
      code: "key_invalid",
      retryable: false,
    });
    expect(server.seen).toEqual([]);
  });

  it("reads no file for a server that does not support certificates", async () => {
    await Promise.all([rm(paths().cert, { force: true }), rm(paths().key, { force: true })]);
    await using server = await startServer(() => ({
      token_endpoint_auth_methods_supported: ["client_secret_basic"],
    }));
    await using client = grantOf(server.origin);
    expect(await failureOf(client.grant())).toMatchObject({ code: "unsupported_by_server" });
    expect(server.seen).toEqual([]);
  });
});

describe("self_signed_tls_client_auth", () => {
  it("sends the same request with a self-signed certificate", async () => {
    const thumbprint = await put(await selfSigned({ client: true, subject: "CN=self" }));
    await using server = await startServer(() => ({
      token_endpoint_auth_methods_supported: ["self_signed_tls_client_auth"],
    }));
    await using client = grantOf(server.origin);
    await client.grant();
    expect(server.seen).toMatchObject([{ thumbprint, body: body(server.origin) }]);
  });
});
