import { McpAuthError } from "../errors/error.js";
import type { KeyContext } from "../keys/signing-key.js";
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
export class Refusals {
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
    if (refused === undefined) return;
    const hasChanged = await refused.changed(again);
    const outdated = hasChanged ? noBundles : refused.withPredecessor(again);
    if (!hasChanged && outdated.size === 0) return;
    this.#followed.set(signal, outdated);
    markAnotherCredential(error);
  }
}

/** RFC 6749 §5.2, and what servers answer in its place. */
function refusedBy(
  { code, oauthError }: McpAuthError,
  { status, client, presented }: AnsweredRequest,
): CredentialsInUse | undefined {
  if (code !== "token_request_rejected") return undefined;
  switch (oauthError) {
    case "invalid_client":
    case "unauthorized_client":
      return client;
    case "invalid_grant":
      return presented;
    case undefined:
      return status === 401 || status === 403 ? client : undefined;
    default:
      return undefined;
  }
}
