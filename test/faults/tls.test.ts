// Failures of TLS: group Network.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SecureContextOptions } from "node:tls";
import { afterAll } from "vitest";
import { type CertificateOptions, createAuthority, selfSigned } from "../support/certificates.js";
import { type AuthorizationFault, authorizationFaults } from "./fault.js";
import { afterRequest, answering, hangUp, overTls, silence, startGate, type Treatment } from "./gate.js";
import { gateOf, gates, stalled, unreachable } from "./gated-row.js";

const hosts = ["127.0.0.1"];
const authority = await createAuthority();
const folder = await mkdtemp(join(tmpdir(), "faults-tls-"));
const trusted = join(folder, "authority.pem");
await writeFile(trusted, authority.certificate);
afterAll(() => rm(folder, { recursive: true, force: true }));

const context = ({ certificate, privateKey }: { certificate: string; privateKey: string }) => ({
  cert: certificate,
  key: privateKey,
});
const issued = async (options: CertificateOptions) => context(await authority.issue({ hosts, ...options }));
const good = await issued({});
const stranger = await createAuthority();

const refused = { sees: "tls_failed", requests: 1 } as const;

type Row = Pick<AuthorizationFault, "name" | "sees" | "requests">;

/** A failure of a token endpoint with https, whose authority the config trusts. */
function tlsFault(row: Row, treatment: Treatment): AuthorizationFault {
  return {
    ...row,
    async before(world) {
      world.network = { ca: [trusted] };
      gates.set(world, await startGate(world, good));
    },
    start: (world) => gateOf(world).treat(treatment),
    end: (world) => gateOf(world).treat(undefined),
  };
}

const halfAnswer = 'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"access_';

/** Hangs up after the request, if a client completes the handshake. */
const withCertificate = (options: SecureContextOptions): Treatment => overTls(options, afterRequest(hangUp));

authorizationFaults("Network", [
  tlsFault(
    { name: "TLS: the certificate has expired", ...refused },
    withCertificate(await issued({ notAfter: new Date(Date.now() - 86_400_000) })),
  ),
  tlsFault(
    { name: "TLS: the certificate is not valid yet", ...refused },
    withCertificate(await issued({ notBefore: new Date(Date.now() + 86_400_000) })),
  ),
  tlsFault(
    { name: "TLS: the certificate is self-signed", ...refused },
    withCertificate(context(await selfSigned({ hosts }))),
  ),
  tlsFault(
    { name: "TLS: the certificate is for another host", ...refused },
    withCertificate(await issued({ hosts: ["elsewhere.example"] })),
  ),
  tlsFault(
    { name: "TLS: the authority is unknown", ...refused },
    withCertificate(context(await stranger.issue({ hosts }))),
  ),
  tlsFault(
    { name: "TLS: the server supports only TLS 1.1", ...refused },
    withCertificate({
      ...good,
      minVersion: "TLSv1.1",
      maxVersion: "TLSv1.1",
      ciphers: "DEFAULT@SECLEVEL=0",
    }),
  ),
  tlsFault(
    { name: "TLS: the server speaks plain http on its https port", ...refused },
    (socket) => void socket.resume().end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n"),
  ),
  tlsFault(
    { name: "TLS: the server resets the connection during the handshake", ...unreachable },
    (socket) => {
      socket.once("data", () => socket.resetAndDestroy());
    },
  ),
  tlsFault({ name: "TLS: the server hangs up during the handshake", ...unreachable }, (socket) => {
    socket.once("data", () => socket.end());
  }),
  tlsFault({ name: "TLS: the handshake never ends", ...stalled }, silence),
  tlsFault(
    { name: "TLS: the connection is reset in the middle of the body", ...unreachable },
    // Only the underlying TCP connection can be reset.
    (socket, gate) =>
      overTls(
        good,
        answering(halfAnswer, () => socket.resetAndDestroy()),
      )(socket, gate),
  ),
]);
