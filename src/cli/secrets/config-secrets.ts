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
} from "../../config/spec.js";
import { unreachable } from "../../lib/unreachable.js";

/** A secret of the config that `validate --secrets` reads. */
export type ConfigSecret =
  | {
      /** A `token` is a token of somebody else, or a refresh token. An `assertion` is a JWT that the platform issued. */
      readonly kind: "secret" | "header" | "token" | "static token" | "assertion";
      readonly reference: SecretReference;
    }
  | {
      readonly kind: "client secret";
      readonly reference: SecretReference;
      /** Whether it signs assertions. */
      readonly signs: boolean;
    }
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

/** Returns all secrets of a server, each once, even if it has several roles. */
export function distinctSecretsOf(server: ServerSpec): readonly ConfigSecret[] {
  return [...new Map(secretsOf(server).map((secret) => [JSON.stringify(secret), secret])).values()];
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
    case "token":
    case "static token":
    case "assertion":
    case "client secret":
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

/** Returns the clients of a server. */
export function clientsOf({ grant }: ServerSpec): readonly ClientSpec[] {
  switch (grant.type) {
    case "static":
      return [];
    case "enterprise_managed":
      return [grant.client, grant.idp.client];
    default:
      return [grant.client];
  }
}

function secretsOfGrant(grant: GrantSpec, server: string): readonly ConfigSecret[] {
  switch (grant.type) {
    case "static":
      return [{ kind: "static token", reference: grant.token }];
    case "client_credentials":
    case "extension":
      return secretsOfClient(grant.client);
    case "jwt_bearer":
      return [...secretsOfClient(grant.client), secretOfAssertion(grant.assertion, server)];
    case "refresh_token":
      return [
        ...secretsOfClient(grant.client),
        ...(grant.refreshToken === undefined ? [] : [tokenSecret(grant.refreshToken)]),
      ];
    case "token_exchange":
      return [
        ...secretsOfClient(grant.client),
        ...(grant.subject === undefined ? [] : [secretOfSubject(grant.subject, server)]),
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

function secretsOfClient({ credential, headers = {}, method }: ClientSpec): readonly ConfigSecret[] {
  const inHeaders = references(headers).map((reference) => ({ kind: "header", reference }) as const);
  return [...secretsOfCredential(credential, method), ...inHeaders];
}

function secretsOfCredential(
  credential: ClientSpec["credential"],
  method: ClientSpec["method"],
): readonly ConfigSecret[] {
  switch (credential.kind) {
    case "secret":
      return [{ kind: "client secret", reference: credential.secret, signs: method === "client_secret_jwt" }];
    case "key":
      return [keySecret(credential.key)];
    case "assertion":
      return [{ kind: "assertion", reference: credential.assertion }];
    case "certificate":
      return [{ kind: "certificate", certificate: credential.certificate }];
    case "none":
      return [];
    default:
      return unreachable(credential);
  }
}

function secretOfAssertion(assertion: AssertionSpec, server: string): ConfigSecret {
  switch (assertion.kind) {
    case "runtime":
      return { kind: "subject", server };
    case "platform":
      return { kind: "assertion", reference: assertion.reference };
    case "signed":
      return keySecret(assertion.key);
    default:
      return unreachable(assertion);
  }
}

function secretOfSubject({ token }: SubjectSpec, server: string): ConfigSecret {
  return "runtime" in token ? { kind: "subject", server } : tokenSecret(token);
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

function tokenSecret(reference: SecretReference): ConfigSecret {
  return { kind: "token", reference };
}

function keySecret(spec: KeySpec): ConfigSecret {
  return { kind: "key", key: spec };
}
