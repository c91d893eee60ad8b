import { isAbsolute, resolve } from "node:path";
import { parseDuration } from "../lib/duration.js";
import { builtIn } from "./built-in.js";
import type {
  Client,
  Config,
  Defaults,
  Headers as HeadersConfig,
  Key,
  SecretReference as ReferenceConfig,
  Refresh,
  Server,
} from "./generated/types.js";
import type {
  ClientSpec,
  GrantSpec,
  KeySpec,
  RefreshSpec,
  RetrySpec,
  SecretReference,
  ServerSpec,
} from "./spec.js";

type Grant = Server["grant"];

/** The server as the runtime uses it. `config` is valid; `folder` is what relative paths are relative to. */
export function buildServer(name: string, server: Server, config: Config, folder: string): ServerSpec {
  const defaults: Defaults = config.defaults ?? {};
  return {
    name,
    url: server.url,
    grant: buildGrant(server.grant, config, folder),
    headers: buildHeaders(defaults.headers, server.headers, folder),
    refresh: buildRefresh(defaults.refresh, server.refresh),
    timeout: duration(server.timeout ?? defaults.timeout) ?? builtIn.timeout,
    deadline: duration(server.deadline ?? defaults.deadline) ?? builtIn.deadline,
    retry: buildRetry({ ...defaults.retry, ...server.retry }),
    reach: server.reach ?? defaults.reach ?? builtIn.reach,
  };
}

function buildGrant(grant: Grant, config: Config, folder: string): GrantSpec {
  const scopes = grant.scopes === undefined ? {} : { scopes: [...grant.scopes] };
  if (grant.type === "static") {
    const lifetime = duration(grant.lifetime);
    const token = buildReference(grant.token, folder);
    return { type: "static", token, ...(lifetime !== undefined && { lifetime }), ...scopes };
  }
  const client = typeof grant.client === "string" ? named(config.clients, grant.client) : grant.client;
  return { type: "client_credentials", client: buildClient(client, config, folder), ...scopes };
}

function buildClient(client: Client, config: Config, folder: string): ClientSpec {
  const { issuer, id, secret, key, method } = client;
  const common = { issuer, id, ...(method !== undefined && { method }) };
  if (secret !== undefined) {
    return { ...common, credential: { kind: "secret", secret: buildReference(secret, folder) } };
  }
  if (key !== undefined) {
    const bundle = typeof key === "string" ? named(config.keys, key) : key;
    return { ...common, credential: { kind: "key", key: buildKey(bundle, folder) } };
  }
  return { ...common, credential: { kind: "none" } };
}

function buildKey({ privateKey, passphrase, alg, kid }: Key, folder: string): KeySpec {
  return {
    privateKey: buildReference(privateKey, folder),
    ...(passphrase !== undefined && { passphrase: buildReference(passphrase, folder) }),
    ...(alg !== undefined && { alg }),
    ...(kid !== undefined && { kid }),
  };
}

function buildReference(reference: ReferenceConfig, folder: string): SecretReference {
  if (reference.file === undefined) return { env: reference.env };
  return { file: isAbsolute(reference.file) ? reference.file : resolve(folder, reference.file) };
}

/** Names are compared without case; those of the server win. */
function buildHeaders(
  defaults: HeadersConfig | undefined,
  own: HeadersConfig | undefined,
  folder: string,
): Record<string, string | SecretReference> {
  const ownNames = new Set(Object.keys(own ?? {}).map((name) => name.toLowerCase()));
  const inherited = Object.entries(defaults ?? {}).filter(([name]) => !ownNames.has(name.toLowerCase()));
  const headers = [...inherited, ...Object.entries(own ?? {})].map(([name, value]) => {
    return [name, typeof value === "string" ? value : buildReference(value, folder)] as const;
  });
  return Object.fromEntries(headers);
}

function buildRefresh(defaults: Refresh | false | undefined, own: Refresh | false | undefined): RefreshSpec {
  const { schedule, idle, ...merged } = { ...(defaults || {}), ...(own || {}) };
  const automatic = (own ?? defaults) !== false;
  const ahead = duration(merged.ahead);
  const after = duration(idle);
  const timed = automatic && schedule !== undefined;
  const common = {
    automatic,
    timezone: merged.timezone ?? builtIn.timezone,
    jitter: merged.jitter ?? builtIn.jitter,
    ...(ahead !== undefined && { ahead }),
    assumedLifetime: duration(merged.assumedLifetime) ?? builtIn.assumedLifetime,
  };
  // A schedule of its own keeps a manager warm.
  if (timed) return { ...common, schedule, ...(after !== undefined && { idle: after }) };
  return { ...common, idle: after ?? builtIn.idle };
}

function buildRetry(retry: NonNullable<Server["retry"]>): RetrySpec {
  return {
    attempts: retry.attempts ?? builtIn.retry.attempts,
    min: duration(retry.min) ?? builtIn.retry.min,
    max: duration(retry.max) ?? builtIn.retry.max,
  };
}

function duration(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDuration(text);
}

function named<T>(all: Readonly<Record<string, T>> | undefined, name: string): T {
  const found = all !== undefined && Object.hasOwn(all, name) ? all[name] : undefined;
  // Validation has found every name; a server whose names are not known yet is never built.
  if (found === undefined) throw new TypeError("A name of the config is not defined.");
  return found;
}
