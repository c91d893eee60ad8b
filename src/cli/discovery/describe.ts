import type { DiscoveredAuthorizationServer, Discovery } from "../../index.js";
import { printable } from "../../lib/printable.js";

/** A label and a text, both printable. */
export type Row = readonly [label: string, text: string];

const extension = "io.modelcontextprotocol/oauth-client-credentials";
const grant = "client_credentials";

/** What is known about the client credentials grant. */
export interface ClientCredentials {
  /** Absent if the authorization server lists no grants. */
  readonly grantListed?: boolean;
  /** Whether the MCP server names the extension of SEP-1046. Absent if it does not tell without a token. */
  readonly extensionNamed?: boolean;
}

export function clientCredentials(
  { extensions }: Discovery,
  server: DiscoveredAuthorizationServer | undefined,
): ClientCredentials {
  const { grantTypes } = server ?? {};
  return {
    ...(grantTypes !== undefined && { grantListed: grantTypes.includes(grant) }),
    ...(extensions !== undefined && { extensionNamed: extensions.includes(extension) }),
  };
}

/** Returns what an MCP server publishes, for a person. */
export function describeServer(url: string, found: Discovery): readonly Row[] {
  const { resource, resourceMetadataUrl, scopes, requiresToken, challenge } = found;
  const requires =
    requiresToken === undefined ? [] : [row("Token", requiresToken ? "required" : "not required to connect")];
  return [
    row("Server", url),
    ...requires,
    ...(resource === url ? [] : [row("Resource", resource)]),
    row("Metadata", resourceMetadataUrl ?? "none found"),
    ...(scopes.length === 0
      ? []
      : [
          row(
            "Scopes",
            `${listed(scopes)} (from its ${challenge?.scopes === undefined ? "metadata" : "challenge"})`,
          ),
        ]),
    ...(clientCredentials(found, undefined).extensionNamed === true
      ? [row("Extension", "the server says that it supports client credentials (SEP-1046)")]
      : []),
  ];
}

/** Returns what an authorization server publishes, or only its issuer if nothing was found. */
export function describeIssuer(
  url: string,
  issuer: string,
  server: DiscoveredAuthorizationServer | undefined,
): readonly Row[] {
  const where = isSameOrigin(issuer, url) ? "" : " (another origin than the server)";
  const first = row("Issuer", withAsciiHost(issuer), where);
  if (server === undefined) return [first, row("", "no metadata was read")];
  const { tokenEndpoint, authMethods, grantTypes, signingAlgorithms, grantProfiles } = server;
  const { deviceAuthorizationEndpoint } = server;
  return [
    first,
    row("Tokens from", tokenEndpoint),
    row(
      "Clients use",
      authMethods === undefined
        ? "client_secret_basic (it lists nothing)"
        : listed(authMethods.map((method) => (method === "none" ? "none (public clients)" : method))),
    ),
    ...(signingAlgorithms === undefined ? [] : [row("Keys", listed(signingAlgorithms))]),
    row("Grants", describeGrants(grantTypes)),
    ...(grantProfiles === undefined ? [] : [row("Profiles", listed(grantProfiles))]),
    ...(deviceAuthorizationEndpoint === undefined ? [] : [row("Device login", deviceAuthorizationEndpoint)]),
  ];
}

function describeGrants(grantTypes: readonly string[] | undefined): string {
  if (grantTypes === undefined) return `it lists nothing, which does not rule out ${grant}`;
  if (grantTypes.includes(grant)) return listed(grantTypes);
  return `${listed(grantTypes)}. Not ${grant}: lists are often incomplete, so ask its operator`;
}

/** Returns the problems, each with the URL that it is about on a line of its own. */
export function describeProblems({ problems }: Discovery): readonly string[] {
  return problems.slice(0, mostListed).map(({ code, message, url }) => {
    const place = url === undefined || message.includes(url) ? "" : `\n    ${shortened(url)}`;
    return printable(`[${code}] ${message}`) + place;
  });
}

/** Returns a URL for a person, who must not mistake its host for another one with similar letters. */
export function withAsciiHost(url: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
  if (/^[\x00-\x7f]*$/.test(url) || !URL.canParse(url)) return url;
  return `${url} (its host is ${new URL(url).host})`;
}

export function isSameOrigin(one: string, other: string): boolean {
  return URL.canParse(one) && URL.canParse(other) && new URL(one).origin === new URL(other).origin;
}

function row(label: string, text: string, after = ""): Row {
  return [label, shortened(text) + after];
}

const mostListed = 12;
const longestText = 300;

/** Returns a list of a server for a person. */
export function listed(texts: readonly string[]): string {
  if (texts.length === 0) return "none";
  const more = texts.length - mostListed;
  const shown = texts.slice(0, mostListed).map((text) => shortened(text, 100));
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function shortened(text: string, longest = longestText): string {
  return printable(text.length > longest ? `${text.slice(0, longest)}…` : text);
}
