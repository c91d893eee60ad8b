// Mutually exclusive alternatives. They cannot be generated from the JSON Schema.

/** None of these properties. */
export type Without<Names extends string> = { [Name in Names]?: never };

type Optional<Names extends string> = { [Name in Names]?: unknown };
type Needs<T, Names extends keyof T> = Required<Pick<T, Names>>;

/** Where a secret is: in one place, never in the config itself. */
export type SecretReference =
  | ({ env: string; pointer?: string } & OnlySource<"env" | "pointer">)
  | ({ file: string; pointer?: string } & OnlySource<"file" | "pointer">)
  | ({ exec: readonly string[]; timeout?: string; pointer?: string } & OnlySource<
      "exec" | "timeout" | "pointer"
    >)
  | ({ githubActions: GithubActions } & OnlySource<"githubActions">)
  | ({ gcp: GcpIdentity } & OnlySource<"gcp">)
  | ({ azure: AzureIdentity } & OnlySource<"azure">)
  | ({ aws: AwsIdentity } & OnlySource<"aws">)
  | ({ resolver: string; ref: string; pointer?: string } & OnlySource<"resolver" | "ref" | "pointer">);

type Source = "env" | "file" | "exec" | "githubActions" | "gcp" | "azure" | "aws" | "resolver";

/** A reference that has these properties, and none of the others that a reference may have. */
type OnlySource<Names extends Source | "ref" | "timeout" | "pointer"> = Without<
  Exclude<Source | "ref" | "timeout" | "pointer", Names>
>;

/** The OIDC token of a GitHub Actions job. */
export interface GithubActions {
  /** The `aud` that the token is requested with. Without it, GitHub's default. */
  audience?: string;
}

/** An ID token from the metadata server of Google Cloud. */
export interface GcpIdentity {
  /** The `aud` that the token is requested with. */
  audience: string;
}

/** An access token for the identity of this machine in Azure. */
export interface AzureIdentity {
  /** The application that the token is for: its application ID URI or its client ID. */
  resource: string;
  /** The client ID of a user-assigned identity. Without it, the system-assigned identity. */
  clientId?: string;
}

/** A JWT from AWS STS (GetWebIdentityToken). */
export interface AwsIdentity {
  /** The `aud` that the token is requested with. */
  audience: string;
}

/** The type of a token, RFC 8693 §3: a short name or any URI. */
export type TokenType =
  | "access_token"
  | "refresh_token"
  | "id_token"
  | "saml1"
  | "saml2"
  | "jwt"
  | (string & {});

type SigningPlace = "exec" | "timeout" | "name";

/** A command signs, or a function given in code. Only a command has a `timeout`. */
export type OneSigningPlace<S extends Optional<SigningPlace>> = Omit<S, SigningPlace> &
  (
    | (Needs<S, "exec"> & Pick<S, "timeout"> & Without<"name">)
    | (Needs<S, "name"> & Without<"exec" | "timeout">)
  );

/** The header parameters of a JWT for the certificate of its key, RFC 7515 §4.1.6 to §4.1.8. */
export type CertificateHeader = "x5t#S256" | "x5t" | "x5c";

type PrivateKeyOrSigner = "privateKey" | "passphrase" | "signer" | "alg";
type KeyCertificate = "certificate" | "certificateHeaders";

/**
 * A key has a private key or a signer. A signer needs `alg`, because it does not say which algorithm it signs with.
 * Only a key with a certificate says how the certificate is sent.
 */
export type OneSigner<K extends Optional<PrivateKeyOrSigner | KeyCertificate>> = Omit<
  K,
  PrivateKeyOrSigner | KeyCertificate
> &
  ((Needs<K, "certificate"> & Pick<K, "certificateHeaders">) | Without<KeyCertificate>) &
  (
    | (Needs<K, "privateKey"> & Pick<K, "passphrase" | "alg"> & Without<"signer">)
    | (Needs<K, "signer" | "alg"> & Without<"privateKey" | "passphrase">)
  );

type Credential = "secret" | "key" | "assertion" | "certificate";
type AssertionOption = "assertionAudience" | "assertionLifetime" | "assertionType";
type AuthenticationOption = "basicEncoding" | AssertionOption;
type Authentication = Credential | AuthenticationOption | "method";

/** Some of the properties that authenticate a client, and none of the others. */
type Only<
  C extends Optional<Authentication>,
  Needed extends Credential,
  Options extends AuthenticationOption = never,
> = Needs<C, Needed> &
  Pick<C, Options> &
  Without<Exclude<Credential | AuthenticationOption, Needed | Options>>;

/** A client has one credential or none. The methods and options that it may have depend on the credential. */
export type OneCredential<C extends Optional<Authentication | "id">> = Omit<C, "id" | Authentication> &
  Needs<C, "id"> &
  (
    | ({ method?: "client_secret_basic" } & Only<C, "secret", "basicEncoding">)
    | ({ method: "client_secret_post" } & Only<C, "secret">)
    | ({ method?: "client_secret_jwt" } & Only<C, "secret", AssertionOption>)
    | ({ method?: "private_key_jwt" } & Only<C, "key", AssertionOption>)
    | ({ method?: "private_key_jwt" } & Only<C, "assertion", "assertionType">)
    | ({ method?: "tls_client_auth" | "self_signed_tls_client_auth" } & Only<C, "certificate">)
    | ({ method?: "none" } & Only<C, never>)
  );

type NamesIn<Union> = Union extends unknown ? Extract<keyof Union, string> : never;

/** A grant. The one that needs no `type` has none of the properties that only the others have. */
export type OneGrant<Default, Others> = (Default & Without<Exclude<NamesIn<Others>, keyof Default>>) | Others;

/** The subject of a token exchange: as `subject`, or as two parameters. */
export type OneSubject<G extends { subject?: unknown; params?: unknown }> =
  | (Omit<G, "subject"> & Needs<G, "subject">)
  | (Omit<G, "subject" | "params"> &
      Without<"subject"> & {
        params: Exclude<G["params"], undefined> & {
          subject_token: SecretReference;
          subject_token_type: string;
        };
      });

/** A client that only names its authorization server, because what the grant presents identifies the agent. */
export type Anonymous<C extends Optional<Authentication | "id">> = Omit<C, "id" | Authentication> &
  Without<"id" | Authentication>;
