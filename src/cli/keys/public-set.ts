import type { PrivateKeySpec } from "../../config/spec.js";
import { McpAuthError } from "../../errors/error.js";
import { messageWithoutServer } from "../../errors/message-without-server.js";
import { loadKey } from "../../keys/load-key.js";
import { onlyPublicMembers, registeredJwk } from "../../keys/public-jwk.js";
import { type KeyContext, type PublicJwk, thumbprintOf } from "../../keys/signing-key.js";
import { quoted } from "../../lib/printable.js";
import { UsageError } from "../options.js";
import { withSecretContext } from "../secrets/with-secret-context.js";
import type { ConfigKey } from "./config-keys.js";
import type { Sources } from "./read-sources.js";

/** A JWK Set with public keys only, RFC 7517 §5. */
export interface PublicSet {
  readonly keys: readonly PublicJwk[];
}

/**
 * Loads keys as a token request would, and returns their public halves. `next` is the absolute path of the key that
 * will replace the only one. Fails if the public half of one of them is not known, because a set that lacks a key would
 * lock its client out. Rejects with `UsageError` and the codes of `loadKey`.
 */
export async function publicSet(
  keys: readonly ConfigKey[],
  next: string | undefined,
  sources: Sources,
): Promise<PublicSet> {
  const all = next === undefined ? keys : [...keys, successor(keys, next)];
  return await withSecretContext(sources.config, sources, async (context) => {
    const found: PublicJwk[] = [];
    for (const key of all) found.push(await publicJwkOf(key, { ...context, server: "" }));
    return { keys: await assertDistinct(found, next) };
  });
}

async function publicJwkOf({ spec, label }: ConfigKey, context: KeyContext): Promise<PublicJwk> {
  let jwk: PublicJwk | undefined;
  try {
    jwk = registeredJwk(await loadKey(spec, context));
  } catch (error) {
    if (!(error instanceof McpAuthError)) throw error;
    throw new McpAuthError(error.code, `${label}: ${messageWithoutServer(error)}`);
  }
  if (jwk !== undefined) return jwk;
  throw new UsageError(
    `${label} is a signer whose public key is not known. Add its "certificate" to the config, or register the public key ` +
      "that the KMS or HSM shows, and name the other keys: npx mcp-auth-runtime keys jwks KEY…",
  );
}

/** The key in a file that will replace a key of the config: it is then read with the same passphrase and `alg`. */
function successor(keys: readonly ConfigKey[], file: string): ConfigKey {
  const [current, another] = keys;
  if (current === undefined || another !== undefined) {
    throw new UsageError(
      "--next is the successor of one key. Name that key: npx mcp-auth-runtime keys jwks KEY --next FILE",
    );
  }
  const { spec, label, lifetime } = current;
  const instead =
    'Define the next key in "keys" with a name of its own, and print both: npx mcp-auth-runtime keys jwks KEY NEXT';
  if ("signer" in spec) throw new UsageError(`${label} is a signer, and --next reads a file. ${instead}`);
  if (typeof spec.kid === "string") {
    throw new UsageError(
      `${label} has the "kid" ${quoted(spec.kid)}, and its successor would have the same, so that servers could not ` +
        `tell them apart. ${instead}`,
    );
  }
  const { certificate: _certificate, certificateHeaders: _headers, ...others } = spec;
  const next: PrivateKeySpec = { ...others, privateKey: { file } };
  return { spec: next, label: "The next key", lifetime };
}

/** Throws if two different keys have one `kid`. Returns each key once. */
async function assertDistinct(
  jwks: readonly PublicJwk[],
  next: string | undefined,
): Promise<readonly PublicJwk[]> {
  const byThumbprint = new Map<string, PublicJwk>();
  for (const jwk of jwks) byThumbprint.set(await thumbprintOf(onlyPublicMembers(jwk)), jwk);
  const distinct = [...byThumbprint.values()];
  if (next !== undefined && distinct.length < jwks.length) {
    throw new UsageError(
      "The key of --next is the current one. Make a new one: npx mcp-auth-runtime keys generate FILE",
    );
  }
  const kids = distinct.flatMap(({ kid }) => kid ?? []);
  const twice = kids.find((kid, at) => kids.indexOf(kid) !== at);
  if (twice === undefined) return distinct;
  throw new UsageError(
    `Two different keys have the kid ${quoted(twice)}, so a server could not tell them apart. Change the kid of one.`,
  );
}
