import { expect, expectTypeOf, it } from "vitest";
import { defineConfig, type McpAuthConfig } from "../../../src/config/define-config.js";
import type { Client, OneCredential, Server } from "../../../src/config/generated/types.js";

const issuer = "https://auth.example";
const secret = { env: "S" };
const url = "https://a.example";

it("gives back what it was given and keeps the names of the servers", () => {
  const config = { servers: { crm: { url, grant: { client: { issuer, id: "x", secret } } } } };
  const defined = defineConfig(config);
  expect(defined).toBe(config);
  expectTypeOf(defined).toEqualTypeOf<McpAuthConfig<"crm">>();
  expectTypeOf(defined).toExtend<McpAuthConfig>();
});

it("compiles each right variant", () => {
  const key = { privateKey: { file: "k.pem" } };
  const config: McpAuthConfig = {
    version: 1,
    store: { type: "memory" },
    servers: {
      a: { url, grant: { client: "named", scopes: ["x"] } },
      b: {
        url,
        grant: { type: "client_credentials", client: { issuer, id: "x", key, method: "private_key_jwt" } },
      },
      c: {
        url,
        grant: { client: { issuer, id: "x", key: { ...key, kid: false, alg: "Ed25519" } } },
        refresh: false,
      },
      d: { url, grant: { type: "static", token: { env: "T" } }, refresh: { schedule: "0 * * * *" } },
      e: {
        url,
        grant: { client: { issuer, id: "x", method: "none" } },
        headers: { a: "b", c: { file: "d" } },
      },
    },
  };
  expect(Object.keys(config.servers)).toHaveLength(5);
});

it("does not compile a wrong variant", () => {
  const withGrant = (grant: Server["grant"]) => defineConfig({ servers: { a: { url, grant } } });
  const withClient = (client: OneCredential<Client>) => withGrant({ client });
  const key = { privateKey: { env: "K" } };
  // The type check of the tests fails where one of them compiles.
  const wrong = [
    // @ts-expect-error no grant
    defineConfig({ servers: { a: { url } } }),
    // @ts-expect-error unknown property
    defineConfig({ servers: { a: { url, grant: { client: "x" }, dpop: true } } }),
    // @ts-expect-error unknown property at the top
    defineConfig({ servers: {}, network: {} }),
    // @ts-expect-error a later version
    defineConfig({ version: 2, servers: {} }),
    // @ts-expect-error a later store
    defineConfig({ store: { type: "redis" }, servers: {} }),
    // @ts-expect-error refresh is false or an object
    defineConfig({ servers: { a: { url, grant: { client: "x" }, refresh: true } } }),
    // @ts-expect-error a duration is a string
    defineConfig({ servers: { a: { url, grant: { client: "x" }, timeout: 10 } } }),
    // @ts-expect-error a wrong variant inside the whole
    defineConfig({ servers: { a: { url, grant: { client: { issuer, id: "x", secret, key } } } } }),
    // @ts-expect-error both credentials
    withClient({ issuer, id: "x", secret, key: "k" }),
    // @ts-expect-error a method that needs a key
    withClient({ issuer, id: "x", secret, method: "private_key_jwt" }),
    // @ts-expect-error a method that needs a secret
    withClient({ issuer, id: "x", key, method: "client_secret_post" }),
    // @ts-expect-error a method that needs a credential
    withClient({ issuer, id: "x", method: "client_secret_basic" }),
    // @ts-expect-error no issuer
    withClient({ id: "x", secret }),
    // @ts-expect-error a literal secret
    withClient({ issuer, id: "x", secret: "literal" }),
    // @ts-expect-error a reference to two places
    withClient({ issuer, id: "x", secret: { env: "A", file: "b" } }),
    // @ts-expect-error a static grant with a client
    withGrant({ type: "static", token: secret, client: "x" }),
    // @ts-expect-error a static grant without a token
    withGrant({ type: "static" }),
    // @ts-expect-error a token without the type
    withGrant({ token: secret }),
    // @ts-expect-error an unknown grant
    withGrant({ type: "jwt_bearer", client: "x" }),
  ];
  expect(wrong).toHaveLength(19);
});
