import { buildKey } from "./build-client.js";
import { buildGrant } from "./build-grant.js";
import { buildValues, duration } from "./build-reference.js";
import { defaults } from "./defaults.js";
import type { Config, Defaults, Headers as HeadersConfig, Refresh, Server } from "./generated/types.js";
import type { RefreshSpec, RetrySpec, SecretReference, ServerSpec } from "./spec.js";

/** The server as the runtime uses it. `config` is valid; `folder` is what relative paths are relative to. */
export function buildServer(name: string, server: Server, config: Config, folder: string): ServerSpec {
  const shared: Defaults = config.defaults ?? {};
  return {
    name,
    url: server.url,
    grant: buildGrant(server.grant, config, folder),
    stepUp: [...(server.stepUp ?? [])],
    ...(server.dpop !== undefined && { dpop: buildDpop(server.dpop, config, folder) }),
    headers: buildHeaders(shared.headers, server.headers, folder),
    ...(server.resourceMetadata !== undefined && { resourceMetadata: server.resourceMetadata }),
    refresh: buildRefresh(shared.refresh, server.refresh),
    timeout: duration(server.timeout ?? shared.timeout) ?? defaults.timeout,
    deadline: duration(server.deadline ?? shared.deadline) ?? defaults.deadline,
    retry: buildRetry({ ...shared.retry, ...server.retry }),
    reach: server.reach ?? shared.reach ?? defaults.reach,
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
  shared: HeadersConfig | undefined,
  own: HeadersConfig | undefined,
  folder: string,
): Record<string, string | SecretReference> {
  const ownNames = new Set(Object.keys(own ?? {}).map((name) => name.toLowerCase()));
  const inherited = Object.entries(shared ?? {}).filter(([name]) => !ownNames.has(name.toLowerCase()));
  return buildValues(Object.fromEntries([...inherited, ...Object.entries(own ?? {})]), folder);
}

function buildRefresh(shared: Refresh | false | undefined, own: Refresh | false | undefined): RefreshSpec {
  const { schedule, idle, ...merged } = { ...(shared || {}), ...(own || {}) };
  const automatic = (own ?? shared) !== false;
  const ahead = duration(merged.ahead);
  const after = duration(idle);
  const timed = automatic && schedule !== undefined;
  const common = {
    automatic,
    timezone: merged.timezone ?? defaults.timezone,
    jitter: merged.jitter ?? defaults.jitter,
    ...(ahead !== undefined && { ahead }),
    assumedLifetime: duration(merged.assumedLifetime) ?? defaults.assumedLifetime,
  };
  // A schedule of its own keeps a manager warm.
  if (timed) return { ...common, schedule, ...(after !== undefined && { idle: after }) };
  return { ...common, idle: after ?? defaults.idle };
}

function buildRetry(retry: NonNullable<Server["retry"]>): RetrySpec {
  return {
    attempts: retry.attempts ?? defaults.retry.attempts,
    min: duration(retry.min) ?? defaults.retry.min,
    max: duration(retry.max) ?? defaults.retry.max,
  };
}
