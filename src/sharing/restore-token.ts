import type { CertificateSpec } from "../config/spec.js";
import type { Dpop } from "../dpop/dpop.js";
import { loadTlsIdentity } from "../keys/load-tls-identity.js";
import type { KeyContext } from "../keys/signing-key.js";
import { isScope } from "../lib/scopes.js";
import type { Network } from "../net/network.js";
import type { Binding } from "../oauth/issued-token.js";
import { isHeaderSafe } from "../oauth/token-endpoint/header-safe.js";
import { Token } from "../tokens/token.js";
import { isFiniteNumber, parseEntry } from "./stored-format.js";

/** What is needed to bind a stored token to its key or certificate again. */
export interface BindingSources {
  readonly issuer: string;
  readonly dpop: (() => Promise<Dpop>) | undefined;
  readonly certificate: CertificateSpec | undefined;
  readonly network: Pick<Network, "fetchAs">;
  readonly context: KeyContext;
}

/**
 * Parses a stored token and binds it to its key or certificate again. Returns `undefined` for a format that is not
 * fully understood, and for a token that is bound to another key or certificate than this process has.
 */
export async function restoreToken(text: string, sources: BindingSources): Promise<Token | undefined> {
  const fields = parseEntry(text);
  if (fields === undefined) return undefined;
  const { accessToken, tokenType, requestedAt, expiresAt, scopes, issuer, resource } = fields;
  if (typeof accessToken !== "string" || accessToken === "" || !isHeaderSafe(accessToken)) return undefined;
  if (tokenType !== "Bearer" && tokenType !== "DPoP") return undefined;
  if (
    !isFiniteNumber(requestedAt) ||
    !isFiniteNumber(expiresAt) ||
    !isListOfStrings(scopes) ||
    !scopes.every(isScope)
  )
    return undefined;
  if (issuer !== sources.issuer || !(resource === undefined || typeof resource === "string"))
    return undefined;
  const binding = await restoreBinding(fields, tokenType, sources);
  if (binding === undefined) return undefined;
  return new Token({
    ...{ accessToken, tokenType, requestedAt, expiresAt, scopes, issuer, resource },
    binding: binding === "none" ? undefined : binding,
    isShared: true,
  });
}

async function restoreBinding(
  fields: Readonly<Record<string, unknown>>,
  tokenType: "Bearer" | "DPoP",
  { issuer, dpop, certificate, network, context }: BindingSources,
): Promise<Binding | "none" | undefined> {
  const { jkt, alg, x5t, bound } = fields;
  if ((tokenType === "DPoP") !== (jkt !== undefined) || (jkt === undefined) !== (dpop === undefined))
    return undefined;
  if ((x5t === undefined) !== (certificate === undefined)) return undefined;
  if (jkt === undefined && x5t === undefined) return "none";
  const algorithms = { issuer, ...(typeof alg === "string" && { authorizationServer: [alg] }) };
  const [dpopSigner, identity] = await Promise.all([
    dpop?.().then((loaded) => loaded.signerFor(algorithms, context)),
    certificate && loadTlsIdentity(certificate, context),
  ]);
  if (dpopSigner?.thumbprint !== jkt || identity?.thumbprint !== x5t) return undefined;
  return {
    ...(dpopSigner && { dpopSigner }),
    ...(identity && {
      certificate: {
        fetch: network.fetchAs(identity),
        thumbprint: identity.thumbprint,
        expiresAt: identity.expiresAt,
        bound: bound !== false,
      },
    }),
  };
}

function isListOfStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}
