import type { KeySpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { isProgrammingError } from "../errors/expected-errors.js";
import { chooseAlgorithm, registeredAlgorithms } from "../keys/choose-algorithm.js";
import { loadKey } from "../keys/load-key.js";
import type { KeyContext } from "../keys/signing-key.js";
import type { Clock } from "../lib/clock.js";
import { knownNames } from "../lib/printable.js";
import { createDpopSigner, type DpopSigner } from "./dpop-signer.js";
import { ephemeralKeyAlgorithms, generateEphemeralKey } from "./ephemeral-key.js";
import { Nonces } from "./nonces.js";
import { proofJwk } from "./proof-jwk.js";

export type { DpopSigner, ProofTarget } from "./dpop-signer.js";

/** The DPoP nonces and keys of one token manager. */
export interface Dpop {
  readonly nonces: Nonces;
  /**
   * Returns the signer for the key that a new token is bound to: the key that the config names, loaded again, or an
   * ephemeral key of this manager. A configured `alg` that the servers do not list is used with a warning. Rejects with
   * `unsupported_by_server` and `key_invalid`, and for a named key with the codes of `loadKey`.
   */
  signerFor(servers: ProofServers, context: KeyContext): Promise<DpopSigner>;
}

/** The servers that see the proofs, with the `dpop_signing_alg_values_supported` that each lists. */
export interface ProofServers {
  readonly issuer: string;
  /** RFC 9449 §5.1. */
  readonly authorizationServer?: readonly string[] | undefined;
  /** RFC 9728 §2. */
  readonly resource?: readonly string[] | undefined;
  /** Called when a configured `alg` is used that is not listed. */
  readonly onUnlisted?: (() => void) | undefined;
}

interface DpopOptions {
  /** The key that the config names. Without it, the manager generates an ephemeral key when it needs one. */
  readonly key?: KeySpec | undefined;
  readonly clock: Clock;
  /** The nonces to start with; none by default. */
  readonly nonces?: Nonces | undefined;
}

/** Creates the DPoP state of one token manager. */
export function createDpop({ key, clock, nonces = new Nonces() }: DpopOptions): Dpop {
  if (key !== undefined) {
    return { nonces, signerFor: (servers, context) => createNamedKeySigner(key, clock, servers, context) };
  }
  const ephemeral = new Map<string, Promise<DpopSigner>>();
  return {
    nonces,
    async signerFor(servers, context) {
      const alg = chooseEphemeralAlgorithm([...ephemeral.keys()], servers, context);
      const { server } = context;
      const known = ephemeral.get(alg);
      if (known !== undefined) return await known;
      const signer = createEphemeralSigner(alg, clock, server);
      ephemeral.set(alg, signer);
      // If no key can be generated, the next call tries again. The callers that wait for this one get the error.
      signer.catch(() => ephemeral.delete(alg));
      return await signer;
    },
  };
}

/** Returns the algorithm of an existing key if the servers accept it, else the first one that both sides support. */
function chooseEphemeralAlgorithm(
  existing: readonly string[],
  servers: ProofServers,
  { server }: KeyContext,
): string {
  const accepted = acceptedByBoth(servers);
  const chosen = [...existing, ...ephemeralKeyAlgorithms].find((alg) => accepted?.includes(alg) ?? true);
  if (chosen !== undefined) return chosen;
  const remedy = 'Leave "dpop" out of the server, or name a key with its "alg" there if the list is wrong.';
  throw noCommonAlgorithm(
    `a generated key can sign (${ephemeralKeyAlgorithms.join(", ")})`,
    servers,
    remedy,
    server,
  );
}

/** Returns the algorithms that both servers accept: a token is bound to one key, and both servers verify its proofs. */
function acceptedByBoth({ authorizationServer, resource }: ProofServers): readonly string[] | undefined {
  if (authorizationServer === undefined || resource === undefined) return authorizationServer ?? resource;
  return authorizationServer.filter((alg) => resource.includes(alg));
}

/**
 * Returns the error for a key that cannot sign with an algorithm that both servers accept.
 *
 * @param ability follows "DPoP proof that" in the message
 */
function noCommonAlgorithm(
  ability: string,
  { issuer, authorizationServer, resource }: ProofServers,
  remedy: string,
  server: string,
): McpAuthError {
  const name = `the authorization server ${issuer}`;
  const accept =
    authorizationServer === undefined
      ? "it accepts"
      : resource === undefined
        ? `${name} accepts`
        : `${name} and the MCP server accept`;
  const sentences = [
    `${accept} no DPoP proof that ${ability}.`,
    authorizationServer &&
      `${resource === undefined ? "It" : "The authorization server"} ${lists(authorizationServer)}.`,
    resource && `The MCP server ${lists(resource)}.`,
    remedy,
  ];
  const detail = sentences.filter((sentence) => sentence !== undefined).join(" ");
  // The metadata of both servers has a list of this name.
  const details = {
    dpop_signing_alg_values_supported: [...(authorizationServer ?? []), ...(resource ?? [])],
  };
  return new McpAuthError("unsupported_by_server", `Server "${server}": ${detail}`, { server, details });
}

function lists(listed: readonly string[]): string {
  return `lists ${knownNames(listed, registeredAlgorithms) || "none"}`;
}

async function createEphemeralSigner(alg: string, clock: Clock, server: string): Promise<DpopSigner> {
  try {
    return createDpopSigner(await generateEphemeralKey(alg), { clock, server });
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    // In FIPS mode, for example, Node has no Ed25519. The error of a library is not shown.
    throw new McpAuthError(
      "key_invalid",
      `Server "${server}": this process cannot generate a DPoP key for ${alg}. Name a key in the server's "dpop".`,
      { server },
    );
  }
}

async function createNamedKeySigner(
  spec: KeySpec,
  clock: Clock,
  servers: ProofServers,
  context: KeyContext,
): Promise<DpopSigner> {
  const { server } = context;
  const { issuer, onUnlisted } = servers;
  const key = await loadKey(spec, context);
  const accepted = acceptedByBoth(servers);
  const isAccepted = (candidate: string) => accepted?.includes(candidate) ?? true;
  if (key.configuredAlgorithm === undefined && !key.algorithms.some(isAccepted)) {
    const remedy =
      'Name a key of a type that is listed in the server\'s "dpop", or set its "alg" if the list is wrong.';
    throw noCommonAlgorithm(
      `the key of its "dpop" can sign (${key.algorithms.join(", ")})`,
      servers,
      remedy,
      server,
    );
  }
  const alg = chooseAlgorithm(key, accepted, { server, issuer });
  if (!isAccepted(alg)) onUnlisted?.();
  const jwk = key.publicJwk === undefined ? undefined : proofJwk(key.publicJwk);
  if (jwk === undefined) {
    throw new McpAuthError(
      "key_invalid",
      `Server "${server}": the key of its "dpop" cannot be used: each proof contains the public key, which a "signer" ` +
        'does not return. Add the key\'s "certificate" to the config.',
      { server },
    );
  }
  return createDpopSigner(
    { alg, jwk, sign: (header, claims, signal) => key.sign(header, claims, signal) },
    { clock, server },
  );
}
