import { clientProperties } from "./client-properties.js";

/** Where a property belongs that stands where it has no meaning. */
export interface Home {
  /** What follows "belongs". */
  readonly where: string;
  /** Properties on the way there, which are not missing as well. */
  readonly within: readonly string[];
  readonly hint?: string;
}

const common = ["type", "client", "scopes", "resource", "audience", "params"];
const grants: Readonly<Record<string, { readonly type: string; readonly names: readonly string[] }>> = {
  ClientCredentialsGrant: { type: "client_credentials", names: common },
  JwtBearerGrant: { type: "jwt_bearer", names: [...common, "assertion"] },
  TokenExchangeGrant: { type: "token_exchange", names: [...common, "subject", "actor", "requestedType"] },
  EnterpriseManagedGrant: { type: "enterprise_managed", names: [...common, "idp"] },
  RefreshTokenGrant: { type: "refresh_token", names: [...common, "refreshToken"] },
  StaticGrant: { type: "static", names: ["type", "token", "lifetime", "scopes"] },
};

interface Part extends Home {
  /** The title of the definition in the schema. */
  readonly title: string;
  readonly names: readonly string[];
}

// A name that is in several parts is meant for the first of them.
const parts: readonly Part[] = [
  {
    title: "Config",
    names: ["version", "defaults", "store", "network", "keys", "clients", "servers"],
    where: "at the top of the config",
    within: [],
  },
  {
    title: "Server",
    names: [
      ...["url", "grant", "headers", "resourceMetadata", "stepUp", "dpop", "refresh"],
      ...["timeout", "deadline", "retry", "reach"],
    ],
    where: "in the server, beside `grant`",
    within: ["servers"],
  },
  {
    title: "Client",
    names: clientProperties,
    where: "in the `client`",
    within: ["grant", "client"],
  },
  {
    title: "Key",
    names: ["privateKey", "passphrase", "alg", "kid", "signer"],
    where: "in the `key`",
    within: ["key"],
  },
  {
    title: "Metadata",
    names: ["tokenEndpoint", "mtlsTokenEndpoint", "revocationEndpoint", "authMethods", "signingAlgorithms"],
    where: "in the `metadata` of the `client`",
    within: ["metadata"],
  },
  {
    title: "Certificate",
    names: ["cert"],
    where: "in the `certificate` of the `client`",
    within: ["certificate"],
  },
  {
    title: "SignedAssertion",
    names: ["claims"],
    where: "in the `assertion` of a grant jwt_bearer",
    within: ["assertion"],
  },
  {
    title: "Network",
    names: ["proxy", "ca", "allowInsecureHttp"],
    where: "in `network`, at the top of the config",
    within: [],
  },
  { title: "FileStore", names: ["type", "path", "encryptionKey"], where: "in `store`", within: ["store"] },
  {
    title: "RedisStore",
    names: ["type", "url", "sentinel", "cluster", "prefix", "lease", "encryptionKey"],
    where: "in `store`, of the type redis",
    within: ["store"],
  },
  {
    title: "Refresh",
    names: ["schedule", "timezone", "jitter", "ahead", "idle", "assumedLifetime"],
    where: "in `refresh`",
    within: [],
  },
  { title: "Retry", names: ["attempts", "min", "max"], where: "in `retry`", within: [] },
];

const places = ["env", "file", "exec", "githubActions", "resolver"];

// What holds a reference under a name, by the title of its definition, and the reference to write.
const holders: Readonly<Record<string, (place: string) => Home>> = {
  Key: (place) => ({
    where: "in `privateKey`",
    within: ["privateKey"],
    hint:
      place === "exec"
        ? 'Write { "privateKey": { "exec": … } }, or { "signer": { "exec": … } } for a command that signs'
        : `Write { "privateKey": { "${place}": … } }`,
  }),
  DPoPKey: (place) => ({
    where: "in the `privateKey` of the `key`",
    within: ["key"],
    hint: `Write { "key": { "privateKey": { "${place}": … } } }`,
  }),
  Certificate: (place) => ({
    where: "in `cert`",
    within: ["cert", "key"],
    hint: `Write { "cert": { "${place}": … }, "key": { "${place}": … } }`,
  }),
  Client: holding("secret"),
  StaticGrant: holding("token"),
  RefreshTokenGrant: holding("refreshToken"),
  FileStore: holding("encryptionKey"),
  Subject: holding("token"),
  Actor: holding("token"),
};

function holding(name: string): (place: string) => Home {
  return (place) => ({
    where: `in \`${name}\``,
    within: [name],
    hint: `Write { "${name}": { "${place}": … } }`,
  });
}

const inAssertion: Home = { where: "in `assertion`", within: [] };
const inSigner: Home = { where: "in `signer`", within: [] };
const ofRedis: Home = { where: "to a store of the type redis", within: [] };
const ofFiles: Home = { where: "to a store of the type file", within: [] };
const ofBoth: Home = { where: "to a store of the type file or redis", within: [] };
const ofSubject = 'Write { "token": { "runtime": true } }';

const onlyRedis = ["url", "sentinel", "cluster", "prefix", "lease"];

function allOf(names: readonly string[], home: Home): Readonly<Record<string, Home>> {
  return Object.fromEntries(names.map((name) => [name, home]));
}

// Another name for it, which elsewhere means something else.
const others: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  FileStore: { key: "encryptionKey", keys: "encryptionKey" },
  RedisStore: { key: "encryptionKey", keys: "encryptionKey" },
};

// One level off, where another part has the name too.
const near: Readonly<Record<string, Readonly<Record<string, Home>>>> = {
  JwtBearerGrant: { subject: inAssertion, key: inAssertion, lifetime: inAssertion },
  TokenExchangeGrant: { token: { where: "in `subject`", within: ["subject"] } },
  EnterpriseManagedGrant: {
    subject: { where: "in `idp`", within: ["idp"] },
    token: { where: "in the `subject` of the `idp`", within: ["idp", "subject"] },
  },
  IdentityProvider: { token: { where: "in `subject`", within: ["subject"] } },
  Subject: { runtime: { where: "in `token`", within: ["token"], hint: ofSubject } },
  SecretReference: {
    runtime: { where: "in the `token` of a `subject`, and nowhere else", within: [] },
    audience: { where: "in `githubActions`", within: [] },
  },
  Client: { passphrase: { where: "in the `key` or the `certificate`", within: [] } },
  FileStore: allOf(onlyRedis, ofRedis),
  MemoryStore: { ...allOf(onlyRedis, ofRedis), path: ofFiles, encryptionKey: ofBoth },
  RedisStore: { path: ofFiles },
  Key: { timeout: inSigner, format: inSigner },
};

/** The property of this title's definition that is meant by a name of another part. */
export function otherNameOf(name: string, title: string): string | undefined {
  const names = others[title];
  return names !== undefined && Object.hasOwn(names, name) ? names[name] : undefined;
}

/**
 * Where the property belongs that the definition of this title does not have; `undefined` for an unknown one. `isBeside`
 * says whether it stands with one of that name.
 */
export function homeOf(
  name: string,
  title: string,
  isBeside: (name: string) => boolean = () => false,
): Home | undefined {
  // Which kind of store was meant is seen from what only one of them has.
  if (title === "MemoryStore" && name === "encryptionKey") {
    if (isBeside("path")) return ofFiles;
    if (onlyRedis.some(isBeside)) return ofRedis;
  }
  const close = near[title];
  if (close !== undefined && Object.hasOwn(close, name)) return close[name];
  if (places.includes(name)) return Object.hasOwn(holders, title) ? holders[title]?.(name) : undefined;
  const types = Object.values(grants).filter(({ names }) => names.includes(name));
  if (types.length > 0 && Object.hasOwn(grants, title)) return ofOtherGrants(name, types);
  if (types.length === 0) return parts.find((part) => part.title !== title && part.names.includes(name));
  const where = types.length > 1 ? "in `grant`" : `in \`grant\`, of the type ${types[0]?.type ?? ""}`;
  return { where, within: ["grant"] };
}

function ofOtherGrants(name: string, types: readonly { readonly type: string }[]): Home {
  const where = `to the grant${types.length === 1 ? "" : "s"} ${listed(types.map(({ type }) => type))}`;
  const hint = name === "assertion" ? "The assertion of a client stands in the `client`" : undefined;
  return { where, within: [], ...(hint !== undefined && { hint }) };
}

/** `a, b and c`. */
export function listed(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} and ${last}`;
}
