import { createAuthority } from "../../support/certificates.js";
import {
  clientAssertion,
  type Product,
  platformToken,
  tokenRequest,
} from "../../support/stand-in/product.js";
import { realm, realmFields, realmMetadata, realmTokenEndpoint } from "./keycloak.js";
import { platformRequest, trustingIssuer, trustingMetadata } from "./trusting-server.js";

const id = "spiffe://example.com/agents/billing";
const resource = "https://mcp.example.com/billing";

const fileSvid = platformToken({ sub: id, aud: trustingIssuer });

const file: Product = {
  mark: "spiffe-file",
  title: "the SPIFFE config with a file sends the JWT-SVID in it as assertion",
  metadata: trustingMetadata,
  files: { "/run/spiffe/jwt_svid.token": fileSvid },
  requests: [platformRequest(fileSvid, "invoices.read", resource)],
};

const agentSvid = platformToken({ sub: id, aud: realm });

const agent: Product = {
  mark: "spiffe-agent",
  title:
    "the SPIFFE config with the agent sends the first JWT-SVID that it prints, as a jwt-spiffe assertion",
  metadata: realmMetadata,
  commands: {
    "/opt/spire/bin/spire-agent": {
      args: [
        ...["api", "fetch", "jwt", "-audience", realm],
        ...["-socketPath", "/run/spire/agent.sock", "-output", "json"],
      ],
      prints: JSON.stringify([{ svids: [{ spiffe_id: id, svid: agentSvid }] }, { bundles: {} }]),
    },
  },
  requests: [
    tokenRequest(realmTokenEndpoint, [
      ...realmFields,
      ["client_id", id],
      ...clientAssertion(agentSvid, "jwt-spiffe"),
    ]),
  ],
};

const authority = await createAuthority();
const own = await authority.issue({ client: true, subject: "C=US, O=SPIRE" });

const x509: Product = {
  mark: "spiffe-x509",
  title:
    "the X.509-SVID config presents the certificate at the alias endpoint, with the SPIFFE ID as client_id",
  metadata: {
    [`${trustingIssuer}/.well-known/oauth-authorization-server`]: {
      issuer: trustingIssuer,
      token_endpoint: `${trustingIssuer}/token`,
      token_endpoint_auth_methods_supported: ["tls_client_auth"],
      mtls_endpoint_aliases: { token_endpoint: `${trustingIssuer}/mtls/token` },
    },
  },
  files: { "/run/spiffe/svid.pem": own.certificate, "/run/spiffe/svid_key.pem": own.privateKey },
  mutualTls: { authority, own, another: await authority.issue({ client: true }) },
  requests: [
    tokenRequest(`${trustingIssuer}/mtls/token`, [
      ["grant_type", "client_credentials"],
      ["scope", "invoices.read"],
      ["resource", resource],
      ["client_id", id],
    ]),
  ],
};

export const spiffe: readonly Product[] = [file, agent, x509];
