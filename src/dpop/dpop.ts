import type { KeySpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { chooseAlgorithm, registeredAlgorithms } from "../keys/choose-algorithm.js";
import { loadKey } from "../keys/load-key.js";
import type { KeyContext } from "../keys/signing-key.js";
import type { Clock } from "../lib/clock.js";
import { knownNames } from "../lib/known-names.js";
import { isProgrammingError } from "../lib/programming-error.js";
import { createDpopSigner, type DpopSigner } from "./dpop-signer.js";
import { ephemeralKeyAlgorithms, generateEphemeralKey } from "./ephemeral-key.js";
import { Nonces } from "./nonces.js";
import { proofJwk } from "./proof-jwk.js";

export type { DpopSigner, ProofTarget } from "./dpop-signer.js";

/** DPoP as one manager does it. */
export interface Dpop {
  readonly nonces: Nonces;
  /**
   * The key to bind a new token to: the named key, loaded afresh, or this manager's own. A configured `alg` that is not
   * listed is used all the same, with a warning. Rejects with `unsupported_by_server`, and for a named key with the
   * codes of `loadKey`.
   */
  prover(servers: ProofServers, context: KeyContext): Promise<DpopSigner>;
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
  /** The named key; without one this manager makes its own, once it needs it. */
  readonly key?: KeySpec | undefined;
  readonly clock: Clock;
  /** Where there are some already. */
  readonly nonces?: Nonces | undefined;
}

export function createDpop({ key, clock, nonces = new Nonces() }: DpopOptions): Dpop {
  if (key !== undefined) {
    return { nonces, prover: (listed, context) => namedKeyProver(key, clock, listed, context) };
  }
  const own = new Map<string, Promise<DpopSigner>>();
  return {
    nonces,
    async prover(listed, context) {
      const alg = ownAlgorithm([...own.keys()], listed, context);
      const { server } = context;
      const known = own.get(alg);
      if (known !== undefined) return await known;
      const made = makeProver(alg, clock, server);
      own.set(alg, made);
      // A key that could not be made is tried again the next time; whoever waits for this one is told.
      made.catch(() => own.delete(alg));
      return await made;
    },
  };
}

/** What there is a key for already, if the server takes it; else the first that both can. */
function ownAlgorithm(made: readonly string[], listed: ProofServers, { server }: KeyContext): string {
  const taken = takenByBoth(listed);
  const chosen = [...made, ...ephemeralKeyAlgorithms].find((alg) => taken?.includes(alg) ?? true);
  if (chosen !== undefined) return chosen;
  const remedy = 'Leave "dpop" out of the server, or name a key with its "alg" there if the list is wrong.';
  throw notTaken(`a key made for it can sign (${ephemeralKeyAlgorithms.join(", ")})`, listed, remedy, server);
}

/** The token is bound to one key, of which both servers see proofs. */
function takenByBoth({ authorizationServer, resource }: ProofServers): readonly string[] | undefined {
  if (authorizationServer === undefined || resource === undefined) return authorizationServer ?? resource;
  return authorizationServer.filter((alg) => resource.includes(alg));
}

function notTaken(
  what: string,
  { issuer, authorizationServer, resource }: ProofServers,
  remedy: string,
  server: string,
): McpAuthError {
  const lists = (listed: readonly string[]) => `lists ${knownNames(listed, registeredAlgorithms) || "none"}`;
  const itself = resource && `The MCP server ${lists(resource)}.`;
  const detail =
    authorizationServer === undefined
      ? `it accepts no DPoP proof that ${what}. ${itself ?? ""}`
      : `the authorization server ${issuer} ${itself === undefined ? "accepts" : "and the MCP server accept"} no DPoP ` +
        `proof that ${what}. ${itself === undefined ? "It" : "The authorization server"} ${lists(authorizationServer)}.` +
        (itself === undefined ? "" : ` ${itself}`);
  // Both have a list of this name.
  const details = {
    dpop_signing_alg_values_supported: [...(authorizationServer ?? []), ...(resource ?? [])],
  };
  return new McpAuthError("unsupported_by_server", `Server "${server}": ${detail} ${remedy}`, {
    server,
    details,
  });
}

async function makeProver(alg: string, clock: Clock, server: string): Promise<DpopSigner> {
  try {
    return createDpopSigner(await generateEphemeralKey(alg), { clock, server });
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    // FIPS mode, for one, has no Ed25519.
    throw new McpAuthError(
      "key_invalid",
      `Server "${server}": no DPoP key for ${alg} can be made in this process. Name a key in the server's "dpop".`,
      { server },
    );
  }
}

async function namedKeyProver(
  spec: KeySpec,
  clock: Clock,
  listed: ProofServers,
  context: KeyContext,
): Promise<DpopSigner> {
  const { server } = context;
  const { issuer, onUnlisted } = listed;
  const key = await loadKey(spec, context);
  const taken = takenByBoth(listed);
  const isTaken = (one: string) => taken?.includes(one) ?? true;
  if (key.configuredAlgorithm === undefined && !key.algorithms.some(isTaken)) {
    const remedy =
      'Name a key of a type that is listed in the server\'s "dpop", or set its "alg" if the list is wrong.';
    throw notTaken(`the key of its "dpop" can sign (${key.algorithms.join(", ")})`, listed, remedy, server);
  }
  const alg = chooseAlgorithm(key, taken, { server, issuer });
  if (!isTaken(alg)) onUnlisted?.();
  const jwk = key.publicJwk === undefined ? undefined : proofJwk(key.publicJwk);
  if (jwk === undefined) {
    throw new McpAuthError(
      "key_invalid",
      `Server "${server}": the key of its "dpop" cannot be used: each proof carries the public key, which a "signer" ` +
        'does not tell. Add the key\'s "certificate" to the config.',
      { server },
    );
  }
  return createDpopSigner(
    { alg, jwk, sign: (header, claims, signal) => key.sign(header, claims, signal) },
    { clock, server },
  );
}
