import { refusesCredential } from "../../diagnosis/facts.js";
import { McpAuthError } from "../../errors/error.js";
import type { KeyContext } from "../../keys/signing-key.js";
import { markAnotherCredential } from "./another-credential.js";
import { type BundleSpec, CredentialsInUse } from "./credentials-in-use.js";

/** A token request that was answered, and what it was made with. */
export interface AnsweredRequest {
  readonly status: number;
  /** What says who the client is. */
  readonly client: CredentialsInUse;
  /** What the grant presents and we have signed ourselves; absent for what others have issued. */
  readonly presented?: CredentialsInUse | undefined;
}

/** Attempts of one acquisition have this in common. */
interface Acquisition extends KeyContext {
  readonly signal: AbortSignal;
}

const noBundles: ReadonlySet<BundleSpec> = new Set();

/**
 * A refused credential is followed by another attempt if there is another credential: what is read again differs, or
 * the key is so young that the server may know only the one before it. Once in an acquisition. One of these for each
 * grant.
 */
export class CredentialRetry {
  readonly #followed = new WeakMap<AbortSignal, ReadonlySet<BundleSpec>>();

  /** What the next request of an acquisition is made with. */
  credentials(signal: AbortSignal): CredentialsInUse {
    return new CredentialsInUse(this.#followed.get(signal) ?? noBundles);
  }

  /** Marks the error that an answer became, if another attempt would present another credential. Never rejects. */
  async judge(
    error: unknown,
    request: AnsweredRequest,
    { watch: _notes, ...again }: Acquisition,
  ): Promise<void> {
    const { signal } = again;
    if (!(error instanceof McpAuthError) || this.#followed.has(signal)) return;
    const refused = refusedBy(error, request);
    const hasChanged = await anyChanged(refused, again);
    const outdated = hasChanged
      ? noBundles
      : new Set(refused.flatMap((credentials) => [...credentials.withPredecessor(again)]));
    if (!hasChanged && outdated.size === 0) return;
    this.#followed.set(signal, outdated);
    markAnotherCredential(error);
  }
}

async function anyChanged(refused: readonly CredentialsInUse[], context: KeyContext): Promise<boolean> {
  for (const credentials of refused) if (await credentials.changed(context)) return true;
  return false;
}

/** RFC 6749 §5.2, and what servers answer in its place: the credentials of which one was refused. */
function refusedBy(
  { code, oauthError }: McpAuthError,
  { status, client, presented }: AnsweredRequest,
): readonly CredentialsInUse[] {
  if (code !== "token_request_rejected") return [];
  switch (oauthError) {
    case "use_dpop_nonce":
      return [];
    case "invalid_client":
    case "unauthorized_client":
      return [client];
    default: {
      const all = presented === undefined ? [client] : [client, presented];
      if (refusesCredential(status)) return all;
      return oauthError === "invalid_grant" && presented !== undefined ? [presented] : [];
    }
  }
}
