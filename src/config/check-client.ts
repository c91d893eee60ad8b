import type { CheckContext } from "./check-context.js";
import { checkClientIdUrl } from "./check-url.js";
import { definitions } from "./generated/definitions.js";
import { isObject, type Json, type Mistake, type Path, property } from "./source-document.js";

const knownProperties: readonly string[] = definitions.Client.properties;
const credentials = ["secret", "key", "assertion", "certificate"] as const;
type Credential = (typeof credentials)[number];

/** What a schema cannot say of a client. A name in its place is passed over. */
export function checkClient(value: Json | undefined, path: Path, context: CheckContext): void {
  if (!isObject(value)) return;
  const { report, text } = context;
  const at = (name: string): Path => [...path, name];
  context.url(property(value, "issuer"), at("issuer"), "issuer");
  const id = text(property(value, "id"), at("id"));
  const badId = id !== undefined && /^https:\/\//i.test(id) ? checkClientIdUrl(id) : undefined;
  if (badId !== undefined) report(at("id"), badId);
  context.name(property(value, "key"), at("key"), "keys");

  const metadata = property(value, "metadata");
  for (const name of ["tokenEndpoint", "mtlsTokenEndpoint", "revocationEndpoint"]) {
    context.url(property(metadata, name), [...at("metadata"), name], "url");
  }

  // Whatever is misspelt here may be the credential.
  if (Object.keys(value).some((name) => !knownProperties.includes(name))) return;
  const written = property(value, "method");
  const method = text(written, at("method"));
  // A method that is not known yet contradicts nothing.
  if (written !== undefined && method === undefined) return;
  const present = credentials.filter((name) => property(value, name) !== undefined);
  const contradiction = method === undefined ? undefined : contradicts(method, present);
  if (contradiction !== undefined) report(at("method"), contradiction);
  for (const [name, without] of lonely(present, contradiction === undefined ? method : undefined)) {
    if (property(value, name) !== undefined) report(at(name), { atName: true, ...without });
  }
}

/** The credentials that go with a method, by its name. */
function credentialsFor(method: string): readonly Credential[] | undefined {
  if (method.startsWith("client_secret_")) return ["secret"];
  if (method === "private_key_jwt") return ["key", "assertion"];
  if (method.endsWith("tls_client_auth")) return ["certificate"];
  return undefined;
}

function contradicts(method: string, present: readonly Credential[]): Omit<Mistake, "path"> | undefined {
  if (method === "none" && present.length > 0) {
    const hint = "Remove one of the two";
    return { message: 'The method "none" is for clients without a credential', hint };
  }
  const wanted = credentialsFor(method);
  if (wanted === undefined || wanted.some((name) => present.includes(name))) return undefined;
  return { message: `The method "${method}" needs ${wanted.map(withArticle).join(" or ")}` };
}

function withArticle(name: string): string {
  return `${/^[aeio]/.test(name) ? "an" : "a"} \`${name}\``;
}

/** Fields that say how a credential is sent, and that this client has no use for. */
function lonely(
  present: readonly Credential[],
  method: string | undefined,
): readonly (readonly [string, Omit<Mistake, "path">])[] {
  const isMethod = (wanted: string) => method === undefined || method === wanted;
  const hasSecret = present.includes("secret");
  const signs = present.includes("key") || (hasSecret && isMethod("client_secret_jwt"));
  const needless: (readonly [string, Omit<Mistake, "path">])[] = [];
  if (!hasSecret || !isMethod("client_secret_basic")) {
    const message = "`basicEncoding` is for the method client_secret_basic, with a `secret`";
    needless.push(["basicEncoding", { message }]);
  }
  if (!signs) {
    const message =
      "`assertionAudience` is for assertions signed here: with a `key`, or a `secret` and client_secret_jwt";
    needless.push(["assertionAudience", { message }]);
  }
  if (!signs && !present.includes("assertion")) {
    const message =
      "`assertionType` is for assertions: with a `key`, an `assertion`, or a `secret` and client_secret_jwt";
    needless.push(["assertionType", { message }]);
  }
  return needless;
}
