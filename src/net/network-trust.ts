import type { NetworkSpec } from "../config/spec.js";
import { machineOf } from "../lib/loopback.js";
import type { AllowRules } from "../lib/permissions.js";
import { proxyVariables } from "./environment.js";
import { hasUnchangedAuthorities } from "./unchanged-authorities.js";

/** Which servers this process trusts. Processes with the same trust may share what servers told them. */
export interface NetworkTrust {
  /**
   * Returns the certificates to trust, in PEM; `undefined` for those that Node trusts by default. Reads the files of
   * `network.ca` on first use, and again after a failure. Rejects with `config_invalid`.
   */
  authorities(): Promise<readonly string[] | undefined>;
  /**
   * Returns the same text in every process with the same trust, on any machine and version of Node: `"default"` if
   * nothing was added to what Node trusts by default. Makes no request. Rejects with `config_invalid`.
   */
  fingerprint(): Promise<string>;
}

export interface TrustOptions {
  readonly spec: NetworkSpec;
  /** The environment with `HTTP_PROXY` and `NO_PROXY`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The environment in which Node itself looks for authorities, even if `env` is another one. */
  readonly processEnv: Readonly<Record<string, string | undefined>>;
  /** Whether the caller passed a `fetch`. We do not know which servers it trusts. */
  readonly hasOwnFetch: boolean;
  /** Restricts which files of `network.ca` are read; without it, all of them are. */
  readonly allow?: AllowRules | undefined;
}

/** Returns the trust of this process. Nothing is read or loaded before it is needed. */
export function networkTrust({ spec, env, processEnv, hasOwnFetch, allow }: TrustOptions): NetworkTrust {
  let read: Promise<readonly string[]> | undefined;
  const configured = async (): Promise<readonly string[]> => {
    if (spec.ca.length === 0) return [];
    read ??= import("./authorities.js")
      .then(({ readAuthorities }) => readAuthorities(spec.ca, allow))
      .catch((error: unknown) => {
        read = undefined;
        throw error;
      });
    return await read;
  };
  let defaults:
    | { readonly current: readonly string[]; readonly added: Promise<readonly string[]> }
    | undefined;
  // Computed once and not per entry, because it takes a millisecond or two.
  const added = async (): Promise<readonly string[]> => {
    if (hasUnchangedAuthorities(processEnv)) return [];
    const { addedAuthorities, currentAuthorities } = await import("./authorities.js");
    const current = currentAuthorities();
    if (defaults?.current !== current) defaults = { current, added: addedAuthorities(processEnv) };
    return await defaults.added;
  };
  let trusted: { readonly current: readonly string[]; readonly all: Promise<readonly string[]> } | undefined;
  return {
    async authorities() {
      const fromConfig = await configured();
      if (fromConfig.length === 0) return undefined;
      const { currentAuthorities, defaultAuthorities } = await import("./authorities.js");
      const current = currentAuthorities();
      // All callers get the same list, because a different list opens new connections.
      if (trusted?.current !== current) {
        const all = defaultAuthorities(processEnv).then((found) => [...found, ...fromConfig]);
        trusted = { current, all };
      }
      return await trusted.all;
    },
    async fingerprint() {
      const fromConfig = await configured();
      const compact = async () => fromConfig.map((await import("./authorities.js")).withoutSpaces);
      const certificates = [...(await added()), ...(fromConfig.length === 0 ? [] : await compact())];
      const insecure = insecureHosts(spec, env);
      if (certificates.length === 0 && insecure.length === 0 && !hasOwnFetch) return "default";
      // Loaded on use, as in `fingerprintOf` of lib/secret.ts.
      const { createHash } = process.getBuiltinModule("node:crypto");
      const all = [[...new Set(certificates)].toSorted(), insecure, hasOwnFetch];
      return createHash("sha256").update(JSON.stringify(all)).digest("base64url");
    },
  };
}

/** Returns the hosts that are used over plain http, and the proxy: anyone on the way can forge such a response. */
function insecureHosts(
  { proxy, allowInsecureHttp }: NetworkSpec,
  env: TrustOptions["env"],
): readonly string[] {
  if (allowInsecureHttp.length === 0) return [];
  const { forHttp, noProxy } = proxyVariables(env);
  // All of NO_PROXY counts, because it may name ports. The proxy counts without its credentials.
  const configured = proxy ?? forHttp?.value ?? false;
  const hosts = [...new Set(allowInsecureHttp)].toSorted();
  if (configured === false) return hosts;
  const origin = URL.canParse(configured) ? new URL(configured).origin : configured;
  // A proxy on loopback is a different one on each machine.
  return [...hosts, origin, noProxy, machineOf(configured) ?? ""];
}
