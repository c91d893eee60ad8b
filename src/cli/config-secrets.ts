import type {
  CertificateSpec,
  ClientSpec,
  GrantSpec,
  KeySpec,
  SecretReference,
  ServerSpec,
  StoreSpec,
  SubjectSpec,
} from "../config/spec.js";

/** Something of a config that has to be read to know whether it is there. */
export type Sought =
  | { readonly kind: "secret" | "header"; readonly reference: SecretReference }
  | { readonly kind: "encryption key" | "redis url"; readonly reference: SecretReference }
  | { readonly kind: "key"; readonly key: KeySpec }
  | { readonly kind: "certificate"; readonly certificate: CertificateSpec }
  /** The token of a user, which only code can give. */
  | { readonly kind: "subject"; readonly server: string };

/** All that a server of the config refers to. */
export function secretsOf({ name, headers, grant, dpop }: ServerSpec): readonly Sought[] {
  return [
    ...references(headers).map((reference) => ({ kind: "header", reference }) as const),
    ...ofGrant(grant, name),
    ...references(grant.params).map(secret),
    ...(dpop?.key === undefined ? [] : [key(dpop.key)]),
  ];
}

/** All that the store of the config refers to. */
export function secretsOfStore(store: StoreSpec): readonly Sought[] {
  if (store.type === "memory") return [];
  const url = store.type === "redis" ? [{ kind: "redis url", reference: store.url } as const] : [];
  return [
    ...url,
    ...store.encryptionKeys.map((reference) => ({ kind: "encryption key", reference }) as const),
  ];
}

/** The references that must be readable for it, in the order in which they are read. */
export function referencesOf(sought: Sought): readonly SecretReference[] {
  switch (sought.kind) {
    case "secret":
    case "header":
    case "encryption key":
    case "redis url":
      return [sought.reference];
    case "subject":
      return [];
    case "certificate": {
      const { cert, key, passphrase } = sought.certificate;
      return [cert, key, ...(passphrase === undefined ? [] : [passphrase])];
    }
    case "key": {
      const { certificate } = sought.key;
      const own = "signer" in sought.key ? [] : [sought.key.privateKey, sought.key.passphrase];
      return [...own, certificate].filter((each) => each !== undefined);
    }
  }
}

function ofGrant(grant: GrantSpec, server: string): readonly Sought[] {
  switch (grant.type) {
    case "static":
      return [secret(grant.token)];
    case "client_credentials":
      return ofClient(grant.client);
    case "jwt_bearer": {
      const { assertion } = grant;
      const own = assertion.kind === "platform" ? secret(assertion.reference) : key(assertion.key);
      return [...ofClient(grant.client), own];
    }
    case "refresh_token":
      return [...ofClient(grant.client), secret(grant.refreshToken)];
    case "token_exchange":
      return [
        ...ofClient(grant.client),
        ofSubject(grant.subject, server),
        ...(grant.actor === undefined ? [] : [ofSubject(grant.actor, server)]),
      ];
    case "enterprise_managed":
      return [...ofClient(grant.client), ...ofClient(grant.idp.client), ofSubject(grant.idp.subject, server)];
  }
}

function ofClient({ credential }: ClientSpec): readonly Sought[] {
  switch (credential.kind) {
    case "secret":
      return [secret(credential.secret)];
    case "key":
      return [key(credential.key)];
    case "assertion":
      return [secret(credential.assertion)];
    case "certificate":
      return [{ kind: "certificate", certificate: credential.certificate }];
    case "none":
      return [];
  }
}

function ofSubject({ token }: SubjectSpec, server: string): Sought {
  return "runtime" in token ? { kind: "subject", server } : secret(token);
}

function references(values: Readonly<Record<string, string | SecretReference>>): readonly SecretReference[] {
  return Object.values(values).filter((value) => typeof value !== "string");
}

function secret(reference: SecretReference): Sought {
  return { kind: "secret", reference };
}

function key(spec: KeySpec): Sought {
  return { kind: "key", key: spec };
}
