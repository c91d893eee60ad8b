import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";

const server = createServer();

/**
 * Starts a real authorization server on loopback. It has one client per public key, which accepts only its own
 * algorithm.
 */
export async function startAuthorizationServer(clients) {
  silenceNotices();
  const { default: Provider } = await import("oidc-provider");
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: "server", alg: "ES256", use: "sig" }] },
    clients: clients.map(({ id, alg, jwk }) => ({
      client_id: id,
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: alg,
      jwks: { keys: [jwk] },
      grant_types: ["client_credentials"],
      response_types: [],
      redirect_uris: [],
      id_token_signed_response_alg: "ES256",
    })),
    responseTypes: [],
    scopes: [],
    clientAuthMethods: ["private_key_jwt"],
    enabledJWA: { clientAuthSigningAlgValues: [...new Set(clients.map(({ alg }) => alg))] },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, audience) => ({
          scope: "",
          audience,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
  const assertions = new Map();
  provider.use(async (context, next) => {
    await next();
    const { client, params } = context.oidc ?? {};
    if (context.path === "/token" && client !== undefined) {
      assertions.set(client.clientId, params.client_assertion);
    }
  });
  server.on("request", provider.callback());
  return {
    issuer,
    /** Returns the header of the latest assertion that authenticated a client. */
    headerOf: (id) =>
      JSON.parse(Buffer.from(assertions.get(id)?.split(".")[0] ?? "", "base64url").toString() || "null"),
    signatureOf: (id) => assertions.get(id)?.split(".")[2],
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Suppresses the notices of oidc-provider about its defaults and this version of Node. */
function silenceNotices() {
  for (const method of ["info", "warn"]) {
    const original = console[method];
    console[method] = (...values) => {
      if (!/oidc-provider (?:NOTICE|WARNING):/.test(String(values[0]))) original.apply(console, values);
    };
  }
}
