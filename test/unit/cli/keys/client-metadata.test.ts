import { createPublicKey } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { calculateJwkThumbprint } from "jose";
import { describe, expect, test } from "vitest";
import { generateKey } from "../../../../src/keys/generate-key.js";
import { command, project } from "../command.js";
import { privateMembers } from "./private-members.js";

const issuer = "https://auth.example";
const id = "https://agent.example/client.json";
const url = "https://crm.example/mcp";
const key = await generateKey("ES256");
const pem = String(key.export({ type: "pkcs8", format: "pem" }));
const kid = await calculateJwkThumbprint(createPublicKey(key));
const jwk = { ...createPublicKey(key).export({ format: "jwk" }), kid, alg: "ES256", use: "sig" };
const agentKey = { privateKey: { file: "agent.pem" } };

/** Runs the command with this config. */
async function metadata(config: object, ...argv: readonly string[]) {
  const cwd = await project({ "mcp-auth.config.json": JSON.stringify(config), "agent.pem": pem });
  return await command(["keys", "client-metadata", ...argv], { cwd });
}

const withClient = (client: object, grant: object = {}, server: object = {}) => ({
  keys: { agent: agentKey },
  clients: { billing: { issuer, id, ...client } },
  servers: { crm: { url, grant: { client: "billing", ...grant }, ...server } },
});

describe("keys client-metadata", () => {
  test("prints the document of the only client whose id is an https URL", async () => {
    const { code, out, err } = await metadata(withClient({ key: "agent" }));
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({
      client_id: id,
      client_name: "billing",
      grant_types: ["client_credentials"],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "ES256",
      jwks: { keys: [jwk] },
    });
    expect(err).toContain(`Publish this at "${id}", as application/json, with status 200 and no redirect.`);
    for (const secret of privateMembers([pem])) expect(out + err).not.toContain(secret);
  });

  test("takes name, page and set of keys from options", async () => {
    const options = [
      "--name",
      "Billing agent",
      "--client-uri",
      "https://agent.example/",
      "--jwks-uri",
      "https://agent.example/jwks.json",
    ];
    const { out } = await metadata(withClient({ key: "agent" }), "crm", ...options);
    const document = JSON.parse(out);
    expect(document).toMatchObject({
      client_name: "Billing agent",
      client_uri: "https://agent.example/",
      jwks_uri: "https://agent.example/jwks.json",
    });
    expect(document).not.toHaveProperty("jwks");
  });

  test("names the grants, the scopes and DPoP of all servers with the client, at whichever issuer", async () => {
    const at = (name: string, grant: object) => ({ url: `https://${name}.example/mcp`, grant, dpop: true });
    const other = { issuer: "https://idp.example", id, key: "agent" };
    const { out } = await metadata({
      keys: { agent: agentKey },
      clients: { billing: { issuer, id, key: "agent" } },
      servers: {
        a: { ...at("a", { client: "billing", scopes: ["x:read"] }), stepUp: ["x:write"] },
        b: at("b", {
          type: "token_exchange",
          client: other,
          subject: { token: { env: "T" } },
          scopes: ["x:read"],
        }),
        c: at("c", {
          type: "enterprise_managed",
          client: "billing",
          idp: { client: other, subject: { token: { env: "T" } } },
          scopes: [],
        }),
        d: at("d", { client: { issuer, id: "another" } }),
      },
    });
    expect(JSON.parse(out)).toMatchObject({
      grant_types: [
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
      ],
      scope: "x:read x:write",
      dpop_bound_access_tokens: true,
    });
  });

  test("names the grant of login for a client whose refresh token comes from it", async () => {
    const store = { type: "file", path: "store", encryptionKey: { env: "K" } };
    const { out } = await metadata({ store, ...withClient({ key: "agent" }, { type: "refresh_token" }) });
    expect(JSON.parse(out).grant_types).toEqual([
      "refresh_token",
      "urn:ietf:params:oauth:grant-type:device_code",
    ]);
  });

  test("describes a public client without keys", async () => {
    const { out } = await metadata(withClient({}));
    const document = JSON.parse(out);
    expect(document).toMatchObject({ token_endpoint_auth_method: "none" });
    expect(document).not.toHaveProperty("jwks");
  });

  test("has the next key beside the current one, and says when to use it", async () => {
    const cwd = await project({
      "mcp-auth.config.json": JSON.stringify(withClient({ key: "agent" })),
      "agent.pem": pem,
    });
    const next = await generateKey("ES256");
    await writeFile(join(cwd, "next.pem"), String(next.export({ type: "pkcs8", format: "pem" })));
    const { out, err } = await command(["keys", "client-metadata", "billing", "--next", "next.pem"], { cwd });
    const kids = JSON.parse(out).jwks.keys.map((each: { kid: string }) => each.kid);
    expect(kids).toEqual([kid, await calculateJwkThumbprint(createPublicKey(next))]);
    expect(err).toContain("mv next.pem agent.pem");
    expect(err).toContain("publish the next key alone: npx mcp-auth-runtime keys client-metadata billing");
  });

  test.each(["billing-agent", "http://agent.example/client.json"])(
    "says what to do about the id %s, which is not an https URL",
    async (wrong) => {
      const { code, out, err } = await metadata(withClient({ id: wrong, key: "agent" }), "billing");
      expect({ code, out }).toEqual({ code: 2, out: "" });
      expect(err).toContain(
        `Client "billing" has the id "${wrong}", which is not an https URL. Set its "id" to the https URL where you`,
      );
      expect(err).toContain("npx mcp-auth-runtime keys jwks billing");
    },
  );

  test("never describes a client with a secret, because the draft forbids it", async () => {
    const { code, out, err } = await metadata(withClient({ secret: { env: "S" } }));
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("has a secret, and a client that a document describes must not have one");
  });

  test.each([
    [
      "a certificate",
      withClient({ certificate: { cert: { file: "c" }, key: { file: "k" } } }),
      [],
      "does not describe certificates",
    ],
    [
      "assertions of its platform and no set of keys",
      withClient({ assertion: { file: "jwt" } }),
      [],
      "Name the keys of the platform with --jwks-uri URL",
    ],
    [
      "a set of keys at http",
      withClient({ key: "agent" }),
      ["--jwks-uri", "http://agent.example/jwks.json"],
      "--jwks-uri must be an https URL",
    ],
    [
      "both a set of keys and the next key",
      withClient({ key: "agent" }),
      ["--jwks-uri", "https://a.example/jwks", "--next", "n.pem"],
      "Add --next to keys jwks instead.",
    ],
    [
      "an id that is no URL, alone in the config",
      withClient({ id: "agent", key: "agent" }),
      [],
      'Set its "id" to the https URL where you will publish the document',
    ],
    [
      "a name that the config does not have",
      withClient({ key: "agent" }),
      ["biling"],
      'Did you mean "billing"?',
    ],
  ] as const)("refuses a client with %s", async (_what, config, argv, message) => {
    const { code, out, err } = await metadata(config, ...argv);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(message);
  });

  test("asks which client is meant if several have a URL as id", async () => {
    const config = withClient({ key: "agent" });
    const second = { issuer, id: "https://agent.example/second.json" };
    const { code, err } = await metadata({ ...config, clients: { ...config.clients, second } });
    expect(code).toBe(2);
    expect(err).toContain('The config has several clients with a URL as id. Name one: "billing", "second"');
  });
});
