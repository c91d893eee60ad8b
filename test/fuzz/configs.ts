// Arbitraries of valid configs, with every kind of key, client and grant, and of JSON and YAML texts for them.
import fc from "fast-check";
import { stringify } from "yaml";

export type Data = null | boolean | number | string | readonly Data[] | { readonly [name: string]: Data };
type Fields = { readonly [name: string]: Data };

const duration = fc.constantFrom("500ms", "30s", "5m", "1h");
const url = fc.constantFrom(
  "https://a.example/mcp",
  "http://127.0.0.1:4000/",
  "HTTPS://B.example",
  "https://a.example/${A}",
);
const issuer = fc.constantFrom(
  "https://auth.example",
  "https://auth.example/t/",
  "http://localhost:1/${A:-x}",
);
const scopes = fc.uniqueArray(fc.constantFrom("a", "b:c", "invoices:read", "${A}x"), {
  minLength: 1,
  maxLength: 3,
});

const reference: fc.Arbitrary<Fields> = fc.oneof(
  fc.constantFrom<Fields>(
    { env: "CRM_SECRET" },
    { env: "_A1" },
    { env: "VCAP_SERVICES", pointer: "/xsuaa/0/credentials/clientsecret" },
    { githubActions: {} },
    { githubActions: { audience: "a" } },
    { gcp: { audience: "https://auth.example" } },
    { azure: { resource: "api://${A}", clientId: "b" } },
    { aws: { audience: "a" } },
  ),
  fc.constantFrom<Fields>(
    { file: "./s" },
    { file: "/etc/${A}", pointer: "/a~1b/0" },
    { resolver: "aws", ref: "prod/crm" },
  ),
  fc.constantFrom<Fields>({ exec: ["op", "read", "${X}"] }, { exec: ["a"], timeout: "2s", pointer: "" }),
);

const merged = (parts: readonly Readonly<Record<string, Data | undefined>>[]): Fields =>
  Object.fromEntries(
    parts.flatMap((part) =>
      Object.entries(part).flatMap(([name, data]) => (data === undefined ? [] : [[name, data]])),
    ),
  );

/** An object with all required fields and some of the optional fields. */
const objectWith = (
  required: Readonly<Record<string, fc.Arbitrary<Data>>>,
  optional: Readonly<Record<string, fc.Arbitrary<Data>>>,
) =>
  fc
    .tuple(fc.record(required), fc.record(optional, { requiredKeys: [] }), fc.boolean())
    .map(([must, may, first]): Fields => merged(first ? [must, may] : [may, must]));

const key = fc.oneof(
  objectWith(
    { privateKey: reference },
    {
      passphrase: reference,
      alg: fc.constantFrom("ES256", "EdDSA"),
      kid: fc.constantFrom<Data>("k", false),
      certificate: reference,
    },
  ),
  objectWith(
    { privateKey: reference, certificate: reference },
    { certificateHeaders: fc.constantFrom(["x5t"], ["x5c", "x5t#S256"]) },
  ),
  objectWith(
    {
      signer: fc.constantFrom<Data>({ name: "kms" }, { exec: ["sign"], timeout: "1s", format: "der" }),
      alg: fc.constant("PS256"),
    },
    { kid: fc.constant("k") },
  ),
);
const keyOrName = fc.oneof(fc.constantFrom<Data>("agent", "kms.2"), key);

const identity = { issuer, id: fc.constantFrom("crm", "https://agent.example/client.json") };
const headerValues = fc.constantFrom<Data>({ "x-a": "b" }, { "X-Key": { env: "K" }, y: "${A}" });
const described = {
  headers: headerValues,
  metadata: objectWith(
    { tokenEndpoint: url },
    {
      mtlsTokenEndpoint: url,
      authMethods: fc.constant(["private_key_jwt"]),
      signingAlgorithms: fc.constant(["ES256"]),
    },
  ),
};
const client = fc.oneof(
  objectWith(
    { ...identity, secret: reference },
    {
      ...described,
      method: fc.constant("client_secret_basic"),
      basicEncoding: fc.constantFrom("form", "raw"),
    },
  ),
  objectWith(
    { ...identity, secret: reference },
    { ...described, method: fc.constantFrom("client_secret_post") },
  ),
  objectWith(
    { ...identity, key: keyOrName },
    {
      ...described,
      method: fc.constant("private_key_jwt"),
      // Not `token_endpoint`, which is an error for a key or an id at several issuers.
      assertionAudience: fc.constantFrom("issuer", "https://auth.example/token", "x"),
      assertionType: fc.constant("JWT"),
      assertionLifetime: fc.constantFrom("1s", "90s", "1h"),
    },
  ),
  objectWith({ ...identity, assertion: reference }, described),
  objectWith(
    { ...identity, certificate: objectWith({ cert: reference, key: reference }, { passphrase: reference }) },
    { ...described, method: fc.constant("tls_client_auth") },
  ),
  objectWith(identity, { ...described, method: fc.constant("none") }),
);
const clientOrName = fc.oneof(fc.constantFrom<Data>("acme", "toString"), client);

const common = {
  scopes,
  resource: fc.constantFrom<Data>("https://a.example", false),
  audience: fc.constantFrom<Data>("a", ["a", "b"]),
  params: fc.constantFrom<Data>({ p: "q" }, { p: { env: "K" } }),
  use: fc.constant("access_token"),
};
const subject = objectWith(
  { token: fc.oneof(reference, fc.constant<Data>({ runtime: true })) },
  { type: fc.constantFrom("jwt", "urn:a:b") },
);
const grant = fc.oneof(
  objectWith({ client: clientOrName }, { ...common, type: fc.constant("client_credentials") }),
  objectWith({ type: fc.constant("static"), token: reference }, { scopes, lifetime: duration }),
  objectWith(
    {
      type: fc.constant("jwt_bearer"),
      client: clientOrName,
      assertion: fc.oneof(reference, fc.constant<Data>({ runtime: true })),
    },
    common,
  ),
  objectWith(
    {
      type: fc.constant("jwt_bearer"),
      client: clientOrName,
      assertion: objectWith(
        { key: keyOrName, issuer: fc.constant("i"), subject: fc.constant("s") },
        {
          audience: fc.constant("a"),
          lifetime: fc.constant("1m"),
          claims: fc.constantFrom<Data>({}, { roles: ["a", { b: 1 }], x: null }),
        },
      ),
    },
    common,
  ),
  objectWith(
    { type: fc.constant("token_exchange"), client: clientOrName, subject },
    {
      ...common,
      actor: objectWith({ token: reference }, { type: fc.constant("jwt") }),
      requestedType: fc.constant("id_token"),
    },
  ),
  objectWith(
    {
      type: fc.constant("token_exchange"),
      client: clientOrName,
      params: fc.constant<Data>({ subject_token: { env: "K" }, subject_token_type: "urn:a:b" }),
    },
    { scopes: common.scopes },
  ),
  objectWith(
    {
      type: fc.constant("enterprise_managed"),
      client: clientOrName,
      idp: objectWith({ client: clientOrName, subject }, {}),
    },
    common,
  ),
  objectWith(
    {
      type: fc.constant("extension"),
      client: clientOrName,
      grantType: fc.constantFrom("account_credentials", "urn:a:b"),
      params: fc.constantFrom<Data>({}, { account_id: "a", assertion: { env: "K" } }),
    },
    { scopes: common.scopes, resource: common.resource, audience: common.audience },
  ),
);

const leaves = {
  timeout: duration,
  deadline: duration,
  retry: objectWith(
    {},
    { attempts: fc.integer({ min: 1, max: 10 }), min: fc.constant("1ms"), max: fc.constant("1h") },
  ),
  reach: fc.constantFrom("origin", "path"),
  headers: headerValues,
};
const refresh = fc.oneof(
  fc.constant<Data>(false),
  objectWith(
    {},
    {
      timezone: fc.constant("Europe/Berlin"),
      jitter: fc.constantFrom(0, 0.5),
      ahead: duration,
      idle: duration,
      assumedLifetime: duration,
    },
  ),
);
const server = objectWith({ url, grant }, { ...leaves, refresh, stepUp: scopes });

/** A valid config, if the variable `A` is set. */
export const config: fc.Arbitrary<Fields> = objectWith(
  {
    keys: fc.record({ agent: key, "kms.2": key }),
    clients: fc.record({ acme: client, toString: client }),
    servers: fc.dictionary(fc.constantFrom("crm", "Billing-2", "constructor", "secret", "1"), server, {
      minKeys: 1,
      maxKeys: 3,
      noNullPrototype: true,
    }),
  },
  {
    version: fc.constant(1),
    $schema: fc.constant("./${schema}.json"),
    defaults: objectWith({}, leaves),
    store: fc.constant({ type: "memory" }),
    network: objectWith(
      {},
      {
        proxy: fc.constantFrom("http://proxy.example:1", "http://${A}.example:1"),
        ca: fc.constantFrom<Data>("ca.pem", ["a", "b"]),
        allowInsecureHttp: fc.constant(["h.example"]),
      },
    ),
  },
);

export const env = { A: "a" };

const gap = fc.constantFrom("", " ", "\n", "\r\n", "\t", '/* a " { */', "// b , ]\n");

/** JSON with whitespace and comments between all tokens, with some trailing commas and some escaped letters. */
export const asJson = (data: fc.Arbitrary<Data>): fc.Arbitrary<string> =>
  fc.tuple(data, fc.array(gap, { minLength: 1, maxLength: 7 })).map(([value, gaps]) => {
    let count = 0;
    const between = () => {
      count += 1;
      return gaps[count % gaps.length] ?? "";
    };
    const text = (string: string) =>
      count % 5 === 0 ? JSON.stringify(string).replaceAll("a", "\\u0061") : JSON.stringify(string);
    const list = (items: readonly string[]) =>
      items.join(`${between()},`) + (items.length > 0 && count % 3 === 0 ? "," : "");
    const write = (inner: Data): string => {
      const [before, after] = [between(), between()];
      if (typeof inner === "string") return `${before}${text(inner)}${after}`;
      if (typeof inner !== "object" || inner === null) return `${before}${JSON.stringify(inner)}${after}`;
      if (isList(inner)) return `${before}[${list(inner.map(write))}${between()}]${after}`;
      const members = Object.entries(inner).map(
        ([name, one]) => `${between()}${text(name)}${between()}:${write(one)}`,
      );
      return `${before}{${list(members)}${between()}}${after}`;
    };
    return write(value);
  });

/** Like `Array.isArray`, which does not narrow to a read-only list. */
const isList = (data: Data): data is readonly Data[] => Array.isArray(data);

const styles = fc.record({
  indent: fc.constantFrom(1, 2, 5),
  defaultStringType: fc.constantFrom("PLAIN", "QUOTE_DOUBLE", "QUOTE_SINGLE"),
  defaultKeyType: fc.constantFrom("PLAIN", "QUOTE_DOUBLE", "QUOTE_SINGLE"),
  collectionStyle: fc.constantFrom("any", "flow", "block"),
  // No folding: in a long quoted text, the library changes the value at a `$`.
  lineWidth: fc.constant(0),
  aliasDuplicateObjects: fc.boolean(),
});

export const asYaml = (data: fc.Arbitrary<Data>): fc.Arbitrary<string> =>
  fc.tuple(data, styles).map(([value, style]) => stringify(value, style));
