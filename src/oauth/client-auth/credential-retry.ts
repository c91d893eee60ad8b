import type { CertificateSpec, ClientSpec, CredentialSpec, KeySpec } from "../../config/spec.js";
import { rejectsCredential } from "../../diagnosis/facts.js";
import { McpAuthError } from "../../errors/error.js";
import { loadKey, precedingKey } from "../../keys/load-key.js";
import { loadTlsIdentity, precedingTlsIdentity } from "../../keys/load-tls-identity.js";
import type { KeyContext, SigningKey } from "../../keys/signing-key.js";
import { unreachable } from "../../lib/unreachable.js";
import type { TlsIdentity } from "../../net/client-certificate.js";
import type { CredentialRecorder } from "../../secrets/credential-recorder.js";
import { readSecret } from "../../secrets/read-secret.js";
import { markAnotherCredential } from "../error-marks.js";

/** A request that an authorization server rejected. */
export interface RejectedRequest {
  readonly status: number;
  readonly client: ClientSpec;
  /** The key that signed the assertion that the grant presents. Absent if we did not sign it. */
  readonly assertionKey?: KeySpec | undefined;
}

/**
 * Loads the key that signs an assertion: the latest one, or its predecessor if the server rejected the latest one in an
 * earlier attempt of this acquisition. Rejects with the codes of `loadKey`.
 */
export async function assertionKey(spec: KeySpec, context: KeyContext): Promise<SigningKey> {
  const predecessor = context.recorder?.wasRejected(spec) ? precedingKey(spec, context) : undefined;
  return predecessor ?? (await loadKey(spec, context));
}

/** Loads the certificate of a client in the same way as `assertionKey`. Rejects with the codes of `loadTlsIdentity`. */
export async function clientIdentity(spec: CertificateSpec, context: KeyContext): Promise<TlsIdentity> {
  const predecessor = context.recorder?.wasRejected(spec) ? precedingTlsIdentity(spec, context) : undefined;
  return predecessor ?? (await loadTlsIdentity(spec, context));
}

/**
 * Marks a rejection with `markAnotherCredential` if the next attempt would present another credential: the credential
 * has changed since it was read, or the key is so new that the server may know only its predecessor. Marks only one
 * rejection of each acquisition.
 */
export async function markIfAnotherCredential(
  error: unknown,
  request: RejectedRequest,
  context: KeyContext,
): Promise<void> {
  const { recorder } = context;
  if (recorder === undefined || recorder.triesAnotherCredential || !(error instanceof McpAuthError)) return;
  const rejected = rejectedCredentials(error, request);
  recorder.stop();
  // Specs of keys and certificates whose predecessor the next attempt uses.
  const tooNew = new Set<object>();
  if (!(await anyDiffers(rejected, recorder, context))) {
    for (const credential of rejected) {
      const spec = withPredecessor(credential, context);
      if (spec !== undefined && recorder.hasLoaded(spec)) tooNew.add(spec);
    }
    if (tooNew.size === 0) return;
  }
  recorder.tryAnotherCredential(tooNew);
  markAnotherCredential(error);
}

async function anyDiffers(
  rejected: readonly CredentialSpec[],
  recorder: CredentialRecorder,
  context: KeyContext,
): Promise<boolean> {
  for (const credential of rejected) {
    try {
      if (await differs(credential, recorder, context)) return true;
    } catch (error) {
      // A credential that cannot be read now is not another one.
      if (!(error instanceof McpAuthError)) throw error;
    }
  }
  return false;
}

/** Reads a credential again, if the attempt has read it, and compares it with what the attempt read. */
async function differs(
  credential: CredentialSpec,
  recorder: CredentialRecorder,
  context: KeyContext,
): Promise<boolean> {
  switch (credential.kind) {
    case "secret": {
      const { secret } = credential;
      return recorder.hasRead(secret) && recorder.secretDiffers(secret, await readSecret(secret, context));
    }
    case "key": {
      const { key } = credential;
      return recorder.hasLoaded(key) && recorder.bundleDiffers(key, (await loadKey(key, context)).bundle);
    }
    case "certificate": {
      const { certificate } = credential;
      return (
        recorder.hasLoaded(certificate) &&
        recorder.bundleDiffers(certificate, await loadTlsIdentity(certificate, context))
      );
    }
    // A platform may issue a new assertion at each read, so a different one says nothing.
    case "assertion":
    case "none":
      return false;
    default:
      return unreachable(credential);
  }
}

/** Returns the spec of a key or certificate whose predecessor the server may still know. */
function withPredecessor(credential: CredentialSpec, context: KeyContext): object | undefined {
  switch (credential.kind) {
    case "key":
      return precedingKey(credential.key, context) && credential.key;
    case "certificate":
      return precedingTlsIdentity(credential.certificate, context) && credential.certificate;
    case "secret":
    case "assertion":
    case "none":
      return undefined;
    default:
      return unreachable(credential);
  }
}

/**
 * Returns the credentials that a response rejected: by its code (RFC 6749 §5.2), or by its status without such a code.
 */
function rejectedCredentials(
  { code, oauthError }: McpAuthError,
  { status, client, assertionKey: key }: RejectedRequest,
): readonly CredentialSpec[] {
  if (code !== "token_request_rejected") return [];
  const presented: readonly CredentialSpec[] = key === undefined ? [] : [{ kind: "key", key }];
  switch (oauthError) {
    case "use_dpop_nonce":
      return [];
    case "invalid_client":
    case "unauthorized_client":
      return [client.credential];
    default:
      if (rejectsCredential(status)) return [client.credential, ...presented];
      return oauthError === "invalid_grant" ? presented : [];
  }
}
