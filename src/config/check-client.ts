import { isEntraHost, sharedTenants } from "../lib/entra-hosts.js";
import { checkAssertionLifetime } from "./check-assertion-lifetime.js";
import type { CheckContext, Report } from "./check-context.js";
import { checkHeaders } from "./check-headers.js";
import { findClientIdProblem } from "./check-url.js";
import { definitions } from "./generated/definitions.js";
import { article } from "./in-words.js";
import { isObject, type Json, type JsonObject, type Path, property } from "./json.js";
import { reservedClientHeaders } from "./reserved.js";
import type { ClientAuthenticationMethod, CredentialSpec } from "./spec.js";

type Credential = Exclude<CredentialSpec["kind"], "none">;

/** The properties of a client that are credentials. */
const isCredential: Readonly<Record<Credential, true>> = {
  secret: true,
  key: true,
  assertion: true,
  certificate: true,
};
// `Object.keys` does not know the type of the keys.
const credentials = Object.keys(isCredential) as readonly Credential[];

/** The credentials that each method accepts. The client must have one of them. */
const credentialsFor: Readonly<Record<ClientAuthenticationMethod, readonly Credential[]>> = {
  client_secret_basic: ["secret"],
  client_secret_post: ["secret"],
  client_secret_jwt: ["secret"],
  private_key_jwt: ["key", "assertion"],
  tls_client_auth: ["certificate"],
  self_signed_tls_client_auth: ["certificate"],
  none: [],
};

const knownProperties: ReadonlySet<string> = new Set(definitions.Client.properties);
const endpointProperties = [
  ...["tokenEndpoint", "mtlsTokenEndpoint", "revocationEndpoint", "deviceAuthorizationEndpoint"],
];

/** Checks what a schema cannot express about an inline client. Does nothing for the name of a client. */
export function checkClient(client: Json | undefined, path: Path, context: CheckContext): void {
  if (!isObject(client)) return;
  context.checkUrl(client, path, "issuer", "issuer");
  const id = context.resolvedText(client, path, "id");
  context.checkVariables(client, path, "id");
  const idProblem = id !== undefined && /^https:\/\//i.test(id) ? findClientIdProblem(id) : undefined;
  if (idProblem !== undefined) context.report([...path, "id"], idProblem);
  context.checkName(client, path, "key", "keys");

  const metadata = property(client, "metadata");
  if (metadata === undefined) checkTenant(client, path, context);
  else {
    const at = [...path, "metadata"];
    for (const name of endpointProperties) context.checkUrl(metadata, at, name, "url");
  }
  checkHeaders(property(client, "headers"), [...path, "headers"], reservedClientHeaders, context);
  checkAssertionLifetime(client, path, "assertionLifetime", context);
  checkMethod(client, path, context);
}

/**
 * Checks that an issuer of Entra ID is one tenant: the metadata of the others names no issuer that equals it. An MCP
 * server may list one of them nevertheless, so the client's own `metadata` allows it.
 */
function checkTenant(client: JsonObject, path: Path, { report, resolvedText }: CheckContext): void {
  const issuer = resolvedText(client, path, "issuer") ?? "";
  const [, hostname = "", tenant = ""] = /^https:\/\/([^/]+)\/([^/]+)/i.exec(issuer) ?? [];
  if (!sharedTenants.has(tenant) || !isEntraHost(hostname.toLowerCase())) return;
  report([...path, "issuer"], {
    message: `"${tenant}" stands for many tenants, and a token is issued by one`,
    hint: "Write the ID of your tenant in its place",
  });
}

/** Checks that the method fits the credential, and that each property about sending a credential has an effect. */
function checkMethod(client: JsonObject, path: Path, { report, resolvedText }: CheckContext): void {
  // A misspelled property may be the credential, and the schema reports it.
  if (Object.keys(client).some((name) => !knownProperties.has(name))) return;
  const method = resolvedText(client, path, "method");
  // The value of an unresolved variable is not known, so nothing can contradict it.
  if (method === undefined && Object.hasOwn(client, "method")) return;
  const present = credentials.filter((name) => property(client, name) !== undefined);
  const contradiction = method === undefined ? undefined : findContradiction(method, present);
  if (contradiction !== undefined) report([...path, "method"], contradiction);
  const unused = findUnused(present, contradiction === undefined ? method : undefined);
  for (const [name, problem] of unused) {
    if (property(client, name) !== undefined) report([...path, name], { atName: true, ...problem });
  }
}

function findContradiction(method: string, present: readonly Credential[]): Report | undefined {
  if (!isMethod(method)) return undefined;
  const needed = credentialsFor[method];
  if (needed.length === 0) {
    if (present.length === 0) return undefined;
    return {
      message: 'The method "none" is for clients without a credential',
      hint: "Remove one of the two",
    };
  }
  if (needed.some((name) => present.includes(name))) return undefined;
  return { message: `The method "${method}" needs ${needed.map(withArticle).join(" or ")}` };
}

function isMethod(method: string): method is ClientAuthenticationMethod {
  return Object.hasOwn(credentialsFor, method);
}

function withArticle(name: string): string {
  return `${article(name)} \`${name}\``;
}

/** Returns the properties about sending a credential that have no effect for this client, with the reason. */
function findUnused(
  present: readonly Credential[],
  method: string | undefined,
): readonly (readonly [name: string, problem: Report])[] {
  const mayUse = (candidate: ClientAuthenticationMethod) => method === undefined || method === candidate;
  const hasSecret = present.includes("secret");
  const signs = present.includes("key") || (hasSecret && mayUse("client_secret_jwt"));
  const unused: (readonly [string, Report])[] = [];
  if (!hasSecret || !mayUse("client_secret_basic")) {
    const message = "`basicEncoding` is for the method client_secret_basic, with a `secret`";
    unused.push(["basicEncoding", { message }]);
  }
  for (const name of signs ? [] : ["assertionAudience", "assertionLifetime"]) {
    const message = `\`${name}\` is for assertions signed here: with a \`key\`, or a \`secret\` and client_secret_jwt`;
    unused.push([name, { message }]);
  }
  if (!signs && !present.includes("assertion")) {
    const message =
      "`assertionType` is for assertions: with a `key`, an `assertion`, or a `secret` and client_secret_jwt";
    unused.push(["assertionType", { message }]);
  }
  return unused;
}
