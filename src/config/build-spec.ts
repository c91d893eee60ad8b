import { buildKey } from "./build-client.js";
import { buildGrant } from "./build-grant.js";
import { buildValues, duration } from "./build-reference.js";
import { builtIn } from "./built-in.js";
import type { Config, Defaults, Headers as HeadersConfig, Refresh, Server } from "./generated/types.js";
import type { RefreshSpec, RetrySpec, SecretReference, ServerSpec } from "./spec.js";

/** The server as the runtime uses it. `config` is valid; `folder` is what relative paths are relative to. */
export function buildServer(name: string, server: Server, config: Config, folder: string): ServerSpec {
  const defaults: Defaults = config.defaults ?? {};
  return {
    name,
    url: server.url,
    grant: buildGrant(server.grant, config, folder),
    stepUp: [...(server.stepUp ?? [])],
    ...(server.dpop !== undefined && { dpop: buildDpop(server.dpop, config, folder) }),
    headers: buildHeaders(defaults.headers, server.headers, folder),
    ...(server.resourceMetadata !== undefined && { resourceMetadata: server.resourceMetadata }),
    refresh: buildRefresh(defaults.refresh, server.refresh),
    timeout: duration(server.timeout ?? defaults.timeout) ?? builtIn.timeout,
    deadline: duration(server.deadline ?? defaults.deadline) ?? builtIn.deadline,
    retry: buildRetry({ ...defaults.retry, ...server.retry }),
    reach: server.reach ?? defaults.reach ?? builtIn.reach,
  };
}

function buildDpop(
  dpop: NonNullable<Server["dpop"]>,
  config: Config,
  folder: string,
): NonNullable<ServerSpec["dpop"]> {
  return dpop === true ? {} : { key: buildKey(dpop.key, config, folder) };
}

/** Names are compared without case; those of the server win. */
function buildHeaders(
  defaults: HeadersConfig | undefined,
  own: HeadersConfig | undefined,
  folder: string,
): Record<string, string | SecretReference> {
  const ownNames = new Set(Object.keys(own ?? {}).map((name) => name.toLowerCase()));
  const inherited = Object.entries(defaults ?? {}).filter(([name]) => !ownNames.has(name.toLowerCase()));
  return buildValues(Object.fromEntries([...inherited, ...Object.entries(own ?? {})]), folder);
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
