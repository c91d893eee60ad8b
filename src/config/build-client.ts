import { buildReference, duration } from "./build-reference.js";
import { defaults } from "./defaults.js";
import type { Anonymous, OneCredential, OneSigner, OneSigningPlace } from "./exclusive-types.js";
import type { Client, Config, Key, Metadata, Signer } from "./generated/types.js";
import type { ClientSpec, ConfiguredMetadata, CredentialSpec, KeySpec, SignerSpec } from "./spec.js";

type AnyClient = OneCredential<Client> | Anonymous<Client>;
type AnyKey = OneSigner<Key>;

/** A client by its name or as it is written. */
export function buildClient(written: string | AnyClient, config: Config, folder: string): ClientSpec {
  const client = typeof written === "string" ? named(config.clients, written) : written;
  const { issuer, id, method, basicEncoding, assertionAudience, assertionType, metadata } = client;
  return {
    issuer,
    ...(id !== undefined && { id }),
    credential: buildCredential(client, config, folder),
    ...(method !== undefined && { method }),
    ...(basicEncoding !== undefined && { basicEncoding }),
    ...(assertionAudience !== undefined && { assertionAudience }),
    ...(assertionType !== undefined && { assertionType }),
    ...(metadata !== undefined && { metadata: buildMetadata(metadata) }),
  };
}

function buildCredential(client: AnyClient, config: Config, folder: string): CredentialSpec {
  const { secret, key, assertion, certificate } = client;
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
  const { tokenEndpoint, mtlsTokenEndpoint, revocationEndpoint, authMethods, signingAlgorithms } = metadata;
  return {
    tokenEndpoint,
    ...(mtlsTokenEndpoint !== undefined && { mtlsTokenEndpoint }),
    ...(revocationEndpoint !== undefined && { revocationEndpoint }),
    ...(authMethods !== undefined && { authMethods: [...authMethods] }),
    ...(signingAlgorithms !== undefined && { signingAlgorithms: [...signingAlgorithms] }),
  };
}

/** By what is written: what is known of a key is known by its spec, wherever its name is used. */
const built = new WeakMap<AnyKey, KeySpec>();

/** A key by its name or as it is written; each time the same. */
export function buildKey(written: string | AnyKey, config: Config, folder: string): KeySpec {
  const key = typeof written === "string" ? named(config.keys, written) : written;
  const spec = built.get(key) ?? specOf(key, folder);
  built.set(key, spec);
  return spec;
}

function specOf(key: AnyKey, folder: string): KeySpec {
  const { kid, certificate } = key;
  const common = {
    ...(kid !== undefined && { kid }),
    ...(certificate !== undefined && { certificate: buildReference(certificate, folder) }),
  };
  if (key.signer !== undefined) {
    return { signer: buildSigner(key.signer, folder), alg: key.alg, ...common };
  }
  const { privateKey, passphrase, alg } = key;
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
  const timeout = duration(signer.timeout) ?? defaults.execTimeout;
  return { exec: [...signer.exec], cwd: folder, timeout, format };
}

function named<T>(all: Readonly<Record<string, T>> | undefined, name: string): T {
  const found = all !== undefined && Object.hasOwn(all, name) ? all[name] : undefined;
  // Validation has found every name; a server whose names are not known yet is never built.
  if (found === undefined) throw new TypeError("A name of the config is not defined.");
  return found;
}
