import { buildClient, buildKey } from "../../config/build-client.js";
import type { Config } from "../../config/generated/types.js";
import type { ClientSpec, ConfigSpec, GrantSpec, KeySpec, ServerSpec } from "../../config/spec.js";
import { nearNames } from "../../lib/near-names.js";
import { quoted } from "../../lib/printable.js";
import { defaultAssertionLifetime } from "../../oauth/client-auth/client-assertion.js";
import { UsageError } from "../options.js";
import { clientsOf } from "../secrets/config-secrets.js";

/** A key of the config that an authorization server has to know. */
export interface ConfigKey {
  readonly spec: KeySpec;
  /** Begins a sentence: `Key "agent"`. */
  readonly label: string;
  /** Milliseconds: the longest time for which a JWT that it signed is valid. */
  readonly lifetime: number;
}

type Servers = ConfigSpec["servers"];

/**
 * Returns the keys that the names mean, each once: a name is that of a key, or else of a client, or else of a server.
 * Without names, returns all keys that sign for an authorization server. Throws `UsageError`.
 */
export function keysNamed(names: readonly string[], { servers }: ConfigSpec): readonly ConfigKey[] {
  const found = names.length === 0 ? allKeys(servers) : names.flatMap((name) => keysOf(name, servers));
  if (found.length === 0) {
    throw new UsageError(
      "The config has no key that signs for an authorization server. See npx mcp-auth-runtime keys generate --help",
    );
  }
  return eachOnce(found);
}

/** Returns each key once, with the longest lifetime. */
export function eachOnce(found: readonly ConfigKey[]): readonly ConfigKey[] {
  const bySpec = new Map<KeySpec, ConfigKey>();
  for (const key of found) {
    const known = bySpec.get(key.spec);
    const lifetime = Math.max(key.lifetime, known?.lifetime ?? 0);
    bySpec.set(key.spec, { ...(known ?? key), lifetime });
  }
  return [...bySpec.values()];
}

function keysOf(name: string, servers: Servers): readonly ConfigKey[] {
  const { keys = {}, clients = {} } = servers.shared;
  if (Object.hasOwn(keys, name)) return [namedKey(name, servers)];
  const owner = Object.hasOwn(clients, name) ? `Client ${quoted(name)}` : `Server ${quoted(name)}`;
  const found = Object.hasOwn(clients, name)
    ? keyOfClient(clientNamed(name, servers), owner)
    : keysOfServer(serverNamed(name, servers), owner);
  if (found.length > 0) return found.map((key) => withName(key, servers));
  throw new UsageError(`${owner} signs with no key, so there is no public key to register.`);
}

/** A key that only makes DPoP proofs is not registered: a proof contains its public half (RFC 9449 §4.2). */
function allKeys(servers: Servers): readonly ConfigKey[] {
  const { keys = {}, folder } = servers.shared;
  const used = signingKeys(servers);
  const others = Object.keys(keys)
    .map((name) => ({ spec: buildKey(name, partsOf(servers), folder), label: `Key ${quoted(name)}` }))
    .filter(({ spec }) => !usableServers(servers).some(({ dpop }) => dpop?.key === spec))
    .map((key) => ({ ...key, lifetime: defaultAssertionLifetime }));
  return [...used, ...others];
}

/** Returns the keys that sign for an authorization server. */
function signingKeys(servers: Servers): readonly ConfigKey[] {
  const { clients = {} } = servers.shared;
  return [
    ...Object.keys(clients).flatMap((name) =>
      keyOfClient(clientNamed(name, servers), `Client ${quoted(name)}`),
    ),
    ...usableServers(servers).flatMap((server) => keysOfServer(server, `Server ${quoted(server.name)}`)),
  ].map((key) => withName(key, servers));
}

/** Returns all servers but those with a variable that has no value. */
export function usableServers(servers: Servers): readonly ServerSpec[] {
  return servers.names.flatMap((name) => {
    const entry = servers.get(name);
    return entry !== undefined && "spec" in entry ? [entry.spec] : [];
  });
}

/** Returns a key by its name, with the lifetime of what is signed with it. */
function namedKey(name: string, servers: Servers): ConfigKey {
  const { folder } = servers.shared;
  const spec = buildKey(name, partsOf(servers), folder);
  const uses = signingKeys(servers).filter((use) => use.spec === spec);
  const lifetime = Math.max(...uses.map((use) => use.lifetime), defaultAssertionLifetime);
  return { spec, label: `Key ${quoted(name)}`, lifetime };
}

/** Labels a key by its name, if it has one. */
function withName(key: ConfigKey, servers: Servers): ConfigKey {
  const { keys = {}, folder } = servers.shared;
  const name = Object.keys(keys).find((each) => buildKey(each, partsOf(servers), folder) === key.spec);
  return name === undefined ? key : { ...key, label: `Key ${quoted(name)}` };
}

function keysOfServer(server: ServerSpec, label: string): readonly ConfigKey[] {
  const ofClients = clientsOf(server).flatMap((client) => keyOfClient(client, label));
  return [...ofClients, ...keyOfAssertion(server.grant, label)];
}

/** Returns the key of a client, if it has one. */
export function keyOfClient(
  { credential, assertionLifetime }: ClientSpec,
  label: string,
): readonly ConfigKey[] {
  if (credential.kind !== "key") return [];
  return [{ spec: credential.key, label, lifetime: assertionLifetime ?? defaultAssertionLifetime }];
}

function keyOfAssertion(grant: GrantSpec, label: string): readonly ConfigKey[] {
  if (grant.type !== "jwt_bearer" || grant.assertion.kind !== "signed") return [];
  const { key, lifetime } = grant.assertion;
  return [{ spec: key, label, lifetime }];
}

/** Returns a client of the section `clients`. */
export function clientNamed(name: string, servers: Servers): ClientSpec {
  return buildClient(name, partsOf(servers), servers.shared.folder);
}

/** Returns a server. Throws its failure, or `UsageError` if nothing in the config has the name. */
export function serverNamed(name: string, servers: Servers): ServerSpec {
  const entry = servers.get(name);
  if (entry === undefined) throw unknownName(name, servers);
  if ("spec" in entry) return entry.spec;
  throw entry.failure;
}

function unknownName(name: string, servers: Servers): UsageError {
  const { keys = {}, clients = {} } = servers.shared;
  const all = [...Object.keys(keys), ...Object.keys(clients), ...servers.names];
  const [near] = nearNames(name, all);
  const hint = near === undefined ? "" : ` Did you mean ${quoted(near)}?`;
  return new UsageError(`The config has no key, client or server ${quoted(name)}.${hint}`);
}

/** The named parts, for the functions that build from a whole config. */
function partsOf(servers: Servers): Config {
  const { keys, clients } = servers.shared;
  return { servers: {}, ...(keys && { keys }), ...(clients && { clients }) };
}
