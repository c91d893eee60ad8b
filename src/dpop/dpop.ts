import type { KeySpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { chooseAlgorithm, registeredAlgorithms } from "../keys/choose-algorithm.js";
import { loadKey } from "../keys/load-key.js";
import type { KeyContext } from "../keys/signing-key.js";
import type { Clock } from "../lib/clock.js";
import { knownNames } from "../lib/known-names.js";
import { Nonces } from "./nonces.js";
import { generateOwnKey, ownAlgorithms } from "./own-key.js";
import { proofJwk } from "./proof-jwk.js";
import { createProver, type Prover } from "./prover.js";

export type { ProofTarget, Prover } from "./prover.js";

/** DPoP as one manager does it. */
export interface Dpop {
  readonly nonces: Nonces;
  /**
   * The key to bind a new token to: the named key, loaded afresh, or this manager's own. `listed` is
   * `dpop_signing_alg_values_supported` of the authorization server. Rejects with `unsupported_by_server`, and for a
   * named key with the codes of `loadKey`.
   */
  prover(
    listed: readonly string[] | undefined,
    context: KeyContext & { readonly issuer: string },
  ): Promise<Prover>;
}

interface DpopOptions {
  /** The named key; without one this manager makes its own, once it needs it. */
  readonly key?: KeySpec | undefined;
  readonly clock: Clock;
  /** Where there are some already. */
  readonly nonces?: Nonces | undefined;
}

type ProverContext = Parameters<Dpop["prover"]>[1];

export function createDpop({ key, clock, nonces = new Nonces() }: DpopOptions): Dpop {
  if (key !== undefined) {
    return { nonces, prover: (listed, context) => namedKeyProver(key, clock, listed, context) };
  }
  const own = new Map<string, Promise<Prover>>();
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
function ownAlgorithm(
  made: readonly string[],
  listed: readonly string[] | undefined,
  { server, issuer }: ProverContext,
): string {
  const chosen = [...made, ...ownAlgorithms].find((alg) => listed === undefined || listed.includes(alg));
  if (chosen !== undefined) return chosen;
  throw new McpAuthError(
    "unsupported_by_server",
    `Server "${server}": the authorization server ${issuer} accepts no DPoP proof that a key made for it can sign ` +
      `(${ownAlgorithms.join(", ")}). It lists ${knownNames(listed ?? [], registeredAlgorithms) || "none"}. Leave "dpop" out of the ` +
      'server, or name a key with its "alg" there if the list is wrong.',
    { server },
  );
}

async function makeProver(alg: string, clock: Clock, server: string): Promise<Prover> {
  try {
    return createProver(await generateOwnKey(alg), { clock, server });
  } catch {
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
  listed: readonly string[] | undefined,
  context: ProverContext,
): Promise<Prover> {
  const key = await loadKey(spec, context);
  const alg = chooseAlgorithm(key, listed, context);
  const { server } = context;
  const jwk = key.publicJwk === undefined ? undefined : proofJwk(key.publicJwk);
  if (jwk === undefined) {
    throw new McpAuthError(
      "key_invalid",
      `Server "${server}": the key of its "dpop" cannot be used: each proof carries the public key, which a "signer" ` +
        'does not tell. Add the key\'s "certificate" to the config.',
      { server },
    );
  }
  return createProver(
    { alg, jwk, sign: (header, claims, signal) => key.sign(header, claims, signal) },
    { clock, server },
  );
}
