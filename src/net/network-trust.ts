import type { NetworkSpec } from "../config/spec.js";
import { machineOf } from "../lib/loopback.js";
import type { AllowRules } from "../lib/permissions.js";
import { proxyVariables } from "./environment.js";

/** Which servers this process trusts. Processes with the same trust may share what they learned from the network. */
export interface NetworkTrust {
  /**
   * The certificates to trust, in PEM; `undefined` for those that Node trusts by itself. The files of `network.ca` are read
   * when they are first needed, and again after a failure. Rejects with `config_invalid`.
   */
  authorities(): Promise<readonly string[] | undefined>;
  /**
   * The same text in every process with the same trust, whatever the machine and the version of Node; `"default"` where
   * nothing was added to what Node trusts by itself. Makes no request. Rejects with `config_invalid`.
   */
  fingerprint(): Promise<string>;
}

export interface TrustOptions {
  readonly spec: NetworkSpec;
  /** For `HTTP_PROXY` and `NO_PROXY`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where Node itself looks for authorities, whatever `env` is. */
  readonly processEnv: Readonly<Record<string, string | undefined>>;
  /** The caller passed a `fetch` of their own. What it trusts is unknown. */
  readonly hasOwnFetch: boolean;
  /** Confines which files of `network.ca` are read; absent: all of them. */
  readonly allow?: AllowRules | undefined;
}

/** Reads and loads nothing before it is asked. */
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
  let usual: { readonly of: readonly string[]; readonly added: Promise<readonly string[]> } | undefined;
  // Computed once and not for every entry: it takes a millisecond or two.
  const added = async (): Promise<readonly string[]> => {
    const { addedAuthorities, presentAuthorities } = await import("./authorities.js");
    const present = presentAuthorities();
    if (usual?.of !== present) usual = { of: present, added: addedAuthorities(processEnv) };
    return await usual.added;
  };
  let trusted: { readonly of: readonly string[]; readonly all: Promise<readonly string[]> } | undefined;
  return {
    async authorities() {
      const own = await configured();
      if (own.length === 0) return undefined;
      const { presentAuthorities, usualAuthorities } = await import("./authorities.js");
      const present = presentAuthorities();
      // The same list for all who ask at once: another one means other connections.
      if (trusted?.of !== present) {
        trusted = { of: present, all: usualAuthorities(processEnv).then((usual) => [...usual, ...own]) };
      }
      return await trusted.all;
    },
    async fingerprint() {
      const { withoutSpaces } = await import("./authorities.js");
      const certificates = [...(await added()), ...(await configured()).map(withoutSpaces)];
      const insecure = insecureHosts(spec, env);
      if (certificates.length === 0 && insecure.length === 0 && !hasOwnFetch) return "default";
      // Loaded on use, as in `fingerprintOf` of lib/secret.ts.
      const { createHash } = process.getBuiltinModule("node:crypto");
      const all = [[...new Set(certificates)].toSorted(), insecure, hasOwnFetch];
      return createHash("sha256").update(JSON.stringify(all)).digest("base64url");
    },
  };
}

/** Anyone on the path of plain http can answer in place of the host, a proxy included. Over https a proxy cannot. */
function insecureHosts(
  { proxy, allowInsecureHttp }: NetworkSpec,
  env: TrustOptions["env"],
): readonly string[] {
  if (allowInsecureHttp.length === 0) return [];
  const { forHttp, noProxy } = proxyVariables(env);
  // NO_PROXY as a whole, since it may name ports. The proxy without what it is authorized by.
  const written = proxy ?? forHttp ?? false;
  const hosts = [...new Set(allowInsecureHttp)].toSorted();
  if (written === false) return hosts;
  const origin = URL.canParse(written) ? new URL(written).origin : written;
  // A proxy on loopback is another one on each machine.
  return [...hosts, origin, noProxy, machineOf(written) ?? ""];
}
