// A client certificate without the extended key usage clientAuth, at servers that check it and at one that says nothing.

import { writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findingsIn } from "../../src/errors/findings.js";
import { createAuthority } from "../support/certificates.js";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { createTestRuntime } from "./harness.js";

/** Starts a token endpoint that answers 401, and a manager whose client has a certificate. */
async function clientWithCertificate(options: { readonly isChecked: boolean; readonly server: boolean }) {
  const authority = await createAuthority();
  const own = await authority.issue({ hosts: ["127.0.0.1"] });
  const tls = { key: own.privateKey, cert: own.certificate, ca: authority.certificate, requestCert: true };
  const server = createServer({ ...tls, rejectUnauthorized: options.isChecked }, (_request, response) =>
    response.writeHead(401).end(),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  // A server that listens on a port has such an address.
  const origin = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ca = join(await temporaryFolder(), "ca.pem");
  await writeFile(ca, authority.certificate);
  const { certificate, privateKey } = await authority.issue({ server: options.server });
  const client = {
    ...{ issuer: origin, id: "agent", metadata: { tokenEndpoint: `${origin}/token` } },
    certificate: { cert: { env: "CERT" }, key: { env: "KEY" } },
  };
  const auth = await createTestRuntime({
    config: {
      network: { ca },
      servers: {
        tools: { url: `${origin}/mcp`, grant: { client }, resourceMetadata: false, retry: { attempts: 1 } },
      },
    },
    env: { CERT: certificate, KEY: privateKey },
  });
  return auth.resolve("tools");
}

const named =
  'The client\'s certificate lacks the extended key usage "clientAuth", so most servers do not accept it. Have one ' +
  "issued for client authentication.";

test.each([true, false])(
  "a certificate that is not for clients is named if the server refuses it (in the handshake: %s)",
  async (isChecked) => {
    const manager = await clientWithCertificate({ isChecked, server: true });
    const error = await rejectionOf(manager.getAccessToken());
    // How a refused handshake looks depends on the moment at which the connection is closed.
    const codes = isChecked ? ["tls_failed", "unavailable"] : ["token_request_rejected"];
    expect(codes).toContain(error.code);
    expect(error.message).toContain(named);
    expect(findingsIn(error)[0]).toBe("certificate_usage");
  },
);

test("a certificate for clients that is refused with a bare 401 may not be registered", async () => {
  const manager = await clientWithCertificate({ isChecked: true, server: false });
  const error = await rejectionOf(manager.getAccessToken());
  expect(error.code).toBe("token_request_rejected");
  expect(findingsIn(error)).toEqual(["certificate_not_registered"]);
});
