import { assertNothingLeft } from "../lib/unreachable.js";
import { buildKey } from "./build-client.js";
import { buildGrant } from "./build-grant.js";
import { buildValues, duration } from "./build-reference.js";
import { defaults } from "./defaults.js";
import type { Config, Defaults, Headers as HeadersConfig, Refresh, Server } from "./generated/types.js";
import type { RefreshSpec, RetrySpec } from "./renewal-spec.js";
import type { SecretReference, ServerSpec } from "./spec.js";

/** A server with a URL, its own or an imported one. */
export type ServerWithUrl = Server & { readonly url: string };

/** Builds the runtime's form of a server of a valid config. Relative paths are relative to `folder`. */
export function buildServer(name: string, server: ServerWithUrl, config: Config, folder: string): ServerSpec {
  const { url, grant, stepUp, dpop, resourceMetadata, headers, refresh, ...others } = server;
  const { timeout, deadline, retry, reach, ...unhandled } = others;
  assertNothingLeft(unhandled);
  const shared = config.defaults ?? noDefaults;
  return {
    name,
    url,
    grant: buildGrant(grant, config, folder),
    stepUp: [...(stepUp ?? [])],
    ...(dpop !== undefined && { dpop: buildDpop(dpop, config, folder) }),
    headers: buildHeaders(headers, shared.headers, folder),
    ...(resourceMetadata !== undefined && { resourceMetadata }),
    refresh: refresh === undefined ? inherited(shared).refresh : buildRefresh(refresh, shared.refresh),
    timeout: duration(timeout ?? shared.timeout) ?? defaults.timeout,
    deadline: duration(deadline ?? shared.deadline) ?? defaults.deadline,
    retry: retry === undefined ? inherited(shared).retry : buildRetry({ ...shared.retry, ...retry }),
    reach: reach ?? shared.reach ?? defaults.reach,
  };
}

const noDefaults: Defaults = {};

interface InheritedSettings {
  readonly refresh: RefreshSpec;
  readonly retry: RetrySpec;
}

// Built once for all servers that inherit them.
const inheritedSettings = new WeakMap<Defaults, InheritedSettings>();

function inherited(shared: Defaults): InheritedSettings {
  const known = inheritedSettings.get(shared);
  if (known !== undefined) return known;
  const built = { refresh: buildRefresh(undefined, shared.refresh), retry: buildRetry(shared.retry ?? {}) };
  inheritedSettings.set(shared, built);
  return built;
}

function buildDpop(
  dpop: NonNullable<Server["dpop"]>,
  config: Config,
  folder: string,
): NonNullable<ServerSpec["dpop"]> {
  return dpop === true ? {} : { key: buildKey(dpop.key, config, folder) };
}

/** Merges the headers of the server and of `defaults`. The server's win; names are compared without regard to case. */
function buildHeaders(
  own: HeadersConfig | undefined,
  shared: HeadersConfig | undefined,
  folder: string,
): Record<string, string | SecretReference> {
  const ownNames = new Set(Object.keys(own ?? {}).map((name) => name.toLowerCase()));
  const inherited = Object.entries(shared ?? {}).filter(([name]) => !ownNames.has(name.toLowerCase()));
  return buildValues(Object.fromEntries([...inherited, ...Object.entries(own ?? {})]), folder);
}

function buildRefresh(own: Refresh | false | undefined, shared: Refresh | false | undefined): RefreshSpec {
  const { schedule, idle, ...merged } = { ...(shared || {}), ...(own || {}) };
  const automatic = (own ?? shared) !== false;
  const ahead = duration(merged.ahead);
  const idleTime = duration(idle);
  const common = {
    automatic,
    timezone: merged.timezone ?? defaults.timezone,
    jitter: merged.jitter ?? defaults.jitter,
    ...(ahead !== undefined && { ahead }),
    assumedLifetime: duration(merged.assumedLifetime) ?? defaults.assumedLifetime,
  };
  if (automatic && schedule !== undefined) {
    // With a schedule, a token is renewed without use, unless `idle` is set.
    return { ...common, schedule, ...(idleTime !== undefined && { idle: idleTime }) };
  }
  return { ...common, idle: idleTime ?? defaults.idle };
}

function buildRetry({ attempts, min, max }: NonNullable<Server["retry"]>): RetrySpec {
  return {
    attempts: attempts ?? defaults.retry.attempts,
    min: duration(min) ?? defaults.retry.min,
    max: duration(max) ?? defaults.retry.max,
  };
}
