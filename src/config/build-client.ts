import { isDeepStrictEqual } from "node:util";
import { assertNothingLeft, unreachable } from "../lib/unreachable.js";
import { buildReference, buildValues, duration } from "./build-reference.js";
import { defaults } from "./defaults.js";
import type { Anonymous, OneCredential, OneSigner, OneSigningPlace } from "./exclusive-types.js";
import type { Client, Config, Key, Metadata, Signer } from "./generated/types.js";
import type {
  ClientSpec,
  ConfiguredMetadata,
  CredentialSpec,
  KeySpec,
  SharedParts,
  SignerSpec,
} from "./spec.js";

type ClientConfig = OneCredential<Client> | Anonymous<Client>;
type KeyConfig = OneSigner<Key>;

// All servers that name a client get the same object, because there may be thousands of them.
const builtClients = new WeakMap<ClientConfig, ClientSpec>();

/** Builds the runtime's form of a client. The config names the client or defines it inline. */
export function buildClient(nameOrClient: string | ClientConfig, config: Config, folder: string): ClientSpec {
  const client = typeof nameOrClient === "string" ? findNamed(config.clients, nameOrClient) : nameOrClient;
  const spec = builtClients.get(client) ?? buildClientSpec(client, config, folder);
  builtClients.set(client, spec);
  return spec;
}

/**
 * Makes what was built of the keys and clients of a config also what is built of the equal ones of its successor. A key
 * remembers the one that it replaced by its object, whichever server is resolved before or after a reload.
 */
export function keepBuilt(previous: NamedParts, next: NamedParts): void {
  const isKept = (name: string): boolean =>
    isDeepStrictEqual(findOwn(previous.keys, name), findOwn(next.keys, name));
  for (const [name, key] of Object.entries(next.keys ?? {}))
    if (isKept(name)) keep(builtKeys, findOwn(previous.keys, name), key);
  for (const [name, client] of Object.entries(next.clients ?? {})) {
    const known = findOwn(previous.clients, name);
    const isSameKey = typeof client.key !== "string" || isKept(client.key);
    if (isSameKey && isDeepStrictEqual(known, client)) keep(builtClients, known, client);
  }
}

/** The parts of a config that have names. */
type NamedParts = Pick<SharedParts, "keys" | "clients">;

function findOwn<T>(all: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return all !== undefined && Object.hasOwn(all, name) ? all[name] : undefined;
}

function keep<K extends object, V>(built: WeakMap<K, V>, previous: K | undefined, next: K): void {
  const known = previous && built.get(previous);
  if (known !== undefined) built.set(next, known);
}

function buildClientSpec(client: ClientConfig, config: Config, folder: string): ClientSpec {
  const { issuer, id, secret, key, assertion, certificate, headers, metadata, ...others } = client;
  const { method, basicEncoding, assertionAudience, assertionType, assertionLifetime, ...unhandled } = others;
  const lifetime = duration(assertionLifetime);
  assertNothingLeft(unhandled);
  return {
    issuer,
    ...(id !== undefined && { id }),
    credential: buildCredential({ secret, key, assertion, certificate }, config, folder),
    ...(method !== undefined && { method }),
    ...(basicEncoding !== undefined && { basicEncoding }),
    ...(assertionAudience !== undefined && { assertionAudience }),
    ...(assertionType !== undefined && { assertionType }),
    ...(lifetime !== undefined && { assertionLifetime: lifetime }),
    ...(headers !== undefined && { headers: buildValues(headers, folder) }),
    ...(metadata !== undefined && { metadata: buildMetadata(metadata) }),
  };
}

type Credentials = {
  readonly [Name in "secret" | "key" | "assertion" | "certificate"]: Client[Name] | undefined;
};

function buildCredential(
  { secret, key, assertion, certificate }: Credentials,
  config: Config,
  folder: string,
): CredentialSpec {
  if (secret !== undefined) return { kind: "secret", secret: buildReference(secret, folder) };
  if (key !== undefined) return { kind: "key", key: buildKey(key, config, folder) };
  if (assertion !== undefined) return { kind: "assertion", assertion: buildReference(assertion, folder) };
  if (certificate === undefined) return { kind: "none" };
  const { passphrase } = certificate;
  return {
    kind: "certificate",
    certificate: {
      cert: buildReference(certificate.cert, folder),
      key: buildReference(certificate.key, folder),
      ...(passphrase !== undefined && { passphrase: buildReference(passphrase, folder) }),
    },
  };
}

function buildMetadata(metadata: Metadata): ConfiguredMetadata {
  const { tokenEndpoint, mtlsTokenEndpoint, revocationEndpoint, deviceAuthorizationEndpoint, ...lists } =
    metadata;
  const { authMethods, signingAlgorithms, ...unhandled } = lists;
  assertNothingLeft(unhandled);
  return {
    tokenEndpoint,
    ...(mtlsTokenEndpoint !== undefined && { mtlsTokenEndpoint }),
    ...(revocationEndpoint !== undefined && { revocationEndpoint }),
    ...(deviceAuthorizationEndpoint !== undefined && { deviceAuthorizationEndpoint }),
    ...(authMethods !== undefined && { authMethods: [...authMethods] }),
    ...(signingAlgorithms !== undefined && { signingAlgorithms: [...signingAlgorithms] }),
  };
}

// The runtime caches loaded keys by their spec object, so everything that uses a key must get the same object.
const builtKeys = new WeakMap<KeyConfig, KeySpec>();

/**
 * Builds the runtime's form of a key, which the config names or defines inline. Returns the same object for the same
 * key.
 */
export function buildKey(nameOrKey: string | KeyConfig, config: Config, folder: string): KeySpec {
  const key = typeof nameOrKey === "string" ? findNamed(config.keys, nameOrKey) : nameOrKey;
  const spec = builtKeys.get(key) ?? buildKeySpec(key, folder);
  builtKeys.set(key, spec);
  return spec;
}

function buildKeySpec(key: KeyConfig, folder: string): KeySpec {
  const { kid, certificate, certificateHeaders, ...others } = key;
  const common = {
    ...(kid !== undefined && { kid }),
    ...(certificate !== undefined && { certificate: buildReference(certificate, folder) }),
    ...(certificateHeaders !== undefined && { certificateHeaders: [...certificateHeaders] }),
  };
  if (others.signer !== undefined) {
    const { signer, alg, privateKey: _privateKey, passphrase: _passphrase, ...unhandled } = others;
    assertNothingLeft(unhandled);
    return { signer: buildSigner(signer, folder), alg, ...common };
  }
  const { privateKey, passphrase, alg, signer: _signer, ...unhandled } = others;
  assertNothingLeft(unhandled);
  return {
    privateKey: buildReference(privateKey, folder),
    ...(passphrase !== undefined && { passphrase: buildReference(passphrase, folder) }),
    ...(alg !== undefined && { alg }),
    ...common,
  };
}

function buildSigner(signer: OneSigningPlace<Signer>, folder: string): SignerSpec {
  const format = signer.format ?? defaults.signatureFormat;
  if (signer.name !== undefined) return { name: signer.name, format };
  if (signer.exec !== undefined) {
    const timeout = duration(signer.timeout) ?? defaults.execTimeout;
    return { exec: [...signer.exec], cwd: folder, timeout, format };
  }
  return unreachable(signer);
}

function findNamed<T>(section: Readonly<Record<string, T>> | undefined, name: string): T {
  const found = findOwn(section, name);
  // The semantic checks have verified each name, and a server whose names contain an unset variable is not built.
  if (found === undefined) throw new TypeError("The config does not define this name.");
  return found;
}
