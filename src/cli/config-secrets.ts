import type {
  AssertionSpec,
  CertificateSpec,
  ClientSpec,
  GrantSpec,
  KeySpec,
  ProxySpec,
  SecretReference,
  ServerSpec,
  StoreSpec,
  SubjectSpec,
} from "../config/spec.js";
import { unreachable } from "../lib/unreachable.js";

/** A secret of the config that `validate --secrets` reads. */
export type ConfigSecret =
  | { readonly kind: "secret" | "header"; readonly reference: SecretReference }
  | { readonly kind: "encryption key" | "redis url"; readonly reference: SecretReference }
  | { readonly kind: "key"; readonly key: KeySpec }
  | { readonly kind: "certificate"; readonly certificate: CertificateSpec }
  /** The token of a user, which only code can provide. */
  | { readonly kind: "subject"; readonly server: string };

/** Returns all secrets of a server. */
export function secretsOf({ name, headers, grant, dpop }: ServerSpec): readonly ConfigSecret[] {
  return [
    ...references(headers).map((reference) => ({ kind: "header", reference }) as const),
    ...secretsOfGrant(grant, name),
    ...references(grant.params).map(plainSecret),
    ...(dpop?.key === undefined ? [] : [keySecret(dpop.key)]),
  ];
}

/** Returns all secrets of the store. */
export function secretsOfStore(store: StoreSpec): readonly ConfigSecret[] {
  switch (store.type) {
    case "memory":
      return [];
    case "file":
      return store.encryptionKeys.map(encryptionKey);
    case "redis":
      return [{ kind: "redis url", reference: store.url }, ...store.encryptionKeys.map(encryptionKey)];
    default:
      return unreachable(store);
  }
}

/** Returns the secret of the local proxy, if the config has one. */
export function secretsOfProxy({ token }: ProxySpec): readonly ConfigSecret[] {
  return token === undefined ? [] : [plainSecret(token)];
}

/** Returns the references of a secret, in the order in which they are read. */
export function referencesOf(secret: ConfigSecret): readonly SecretReference[] {
  switch (secret.kind) {
    case "secret":
    case "header":
    case "encryption key":
    case "redis url":
      return [secret.reference];
    case "subject":
      return [];
    case "certificate": {
      const { cert, key, passphrase } = secret.certificate;
      return [cert, key, ...(passphrase === undefined ? [] : [passphrase])];
    }
    case "key": {
      const { certificate } = secret.key;
      const ownSecrets = "signer" in secret.key ? [] : [secret.key.privateKey, secret.key.passphrase];
      return [...ownSecrets, certificate].filter((each) => each !== undefined);
    }
    default:
      return unreachable(secret);
  }
}

function secretsOfGrant(grant: GrantSpec, server: string): readonly ConfigSecret[] {
  switch (grant.type) {
    case "static":
      return [plainSecret(grant.token)];
    case "client_credentials":
    case "extension":
      return secretsOfClient(grant.client);
    case "jwt_bearer":
      return [...secretsOfClient(grant.client), secretOfAssertion(grant.assertion)];
    case "refresh_token":
      return [...secretsOfClient(grant.client), plainSecret(grant.refreshToken)];
    case "token_exchange":
      return [
        ...secretsOfClient(grant.client),
        secretOfSubject(grant.subject, server),
        ...(grant.actor === undefined ? [] : [secretOfSubject(grant.actor, server)]),
      ];
    case "enterprise_managed":
      return [
        ...secretsOfClient(grant.client),
        ...secretsOfClient(grant.idp.client),
        secretOfSubject(grant.idp.subject, server),
      ];
    default:
      return unreachable(grant);
  }
}

function secretsOfClient({ credential, headers = {} }: ClientSpec): readonly ConfigSecret[] {
  const inHeaders = references(headers).map((reference) => ({ kind: "header", reference }) as const);
  return [...secretsOfCredential(credential), ...inHeaders];
}

function secretsOfCredential(credential: ClientSpec["credential"]): readonly ConfigSecret[] {
  switch (credential.kind) {
    case "secret":
      return [plainSecret(credential.secret)];
    case "key":
      return [keySecret(credential.key)];
    case "assertion":
      return [plainSecret(credential.assertion)];
    case "certificate":
      return [{ kind: "certificate", certificate: credential.certificate }];
    case "none":
      return [];
    default:
      return unreachable(credential);
  }
}

function secretOfAssertion(assertion: AssertionSpec): ConfigSecret {
  switch (assertion.kind) {
    case "platform":
      return plainSecret(assertion.reference);
    case "signed":
      return keySecret(assertion.key);
    default:
      return unreachable(assertion);
  }
}

function secretOfSubject({ token }: SubjectSpec, server: string): ConfigSecret {
  return "runtime" in token ? { kind: "subject", server } : plainSecret(token);
}

function references(values: Readonly<Record<string, string | SecretReference>>): readonly SecretReference[] {
  return Object.values(values).filter((value) => typeof value !== "string");
}

function encryptionKey(reference: SecretReference): ConfigSecret {
  return { kind: "encryption key", reference };
}

function plainSecret(reference: SecretReference): ConfigSecret {
  return { kind: "secret", reference };
}

function keySecret(spec: KeySpec): ConfigSecret {
  return { kind: "key", key: spec };
}
