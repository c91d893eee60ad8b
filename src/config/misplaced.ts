import type { DefinitionTitle, PropertyOf, ReferenceKind } from "./definitions.js";
import { definitions, grantTitles, referenceKinds, storeTitles } from "./generated/definitions.js";
import { listInWords } from "./in-words.js";
import { isDefinition, propertiesOf } from "./validator-errors.js";

/** The place where a misplaced property belongs. */
export interface CorrectPlace {
  /** Completes the sentence `"url" belongs …`. */
  readonly where: string;
  /** Properties on the way to that place. They are not reported as missing too. */
  readonly within: readonly string[];
  readonly hint?: string;
}

type VariantTitle =
  | (typeof grantTitles)[keyof typeof grantTitles]
  | (typeof storeTitles)[keyof typeof storeTitles];
type PropertyName = PropertyOf<DefinitionTitle>;
/** The titles of the variants of a grant or a store by their `type`. */
type Titles = Readonly<Record<string, DefinitionTitle>>;

/**
 * The place of each definition, the likeliest first: if several definitions have a property, the first of them is
 * meant. `undefined` if properties of this definition are not misplaced in practice, or if another definition has them
 * too.
 */
const places: Readonly<Record<Exclude<DefinitionTitle, VariantTitle>, CorrectPlace | undefined>> = {
  // Before Config, whose `proxy` is rarely meant.
  Network: { where: "in `network`, at the top of the config", within: [] },
  Config: { where: "at the top of the config", within: [] },
  Server: { where: "in the server, beside `grant`", within: ["servers"] },
  Client: { where: "in the `client`", within: ["grant", "client"] },
  Key: { where: "in the `key`", within: ["key"] },
  Metadata: { where: "in the `metadata` of the `client`", within: ["metadata"] },
  Certificate: { where: "in the `certificate` of the `client`", within: ["certificate"] },
  SignedAssertion: { where: "in the `assertion` of a jwt_bearer grant", within: ["assertion"] },
  LocalProxy: { where: "in `proxy`, at the top of the config", within: [] },
  Refresh: { where: "in `refresh`", within: [] },
  Retry: { where: "in `retry`", within: [] },
  Actor: undefined,
  AwsIdentity: undefined,
  AzureIdentity: undefined,
  Defaults: undefined,
  DPoPKey: undefined,
  GcpIdentity: undefined,
  GithubActions: undefined,
  IdentityProvider: undefined,
  RuntimeToken: undefined,
  SecretReference: undefined,
  Sentinel: undefined,
  Signer: undefined,
  Subject: undefined,
};

// Names for which another property of the same definition is meant, although other definitions have a property of this
// name.
const synonyms: { readonly [Title in DefinitionTitle]?: Readonly<Record<string, PropertyOf<Title>>> } = {
  AwsIdentity: { resource: "audience" },
  AzureIdentity: { audience: "resource", scope: "resource", scopes: "resource", id: "clientId" },
  GcpIdentity: { resource: "audience" },
  FileStore: { key: "encryptionKey", keys: "encryptionKey" },
  RedisStore: { key: "encryptionKey", keys: "encryptionKey" },
};

const inAssertion: CorrectPlace = { where: "in `assertion`", within: ["assertion"] };
const inSigner: CorrectPlace = { where: "in `signer`", within: [] };
const inSubject: CorrectPlace = { where: "in `subject`", within: ["subject"] };
const headers: CorrectPlace = {
  where: "in the server, for the MCP server, or in the `client`, for its authorization server",
  within: [],
};

/** Properties that are one level off, where a definition elsewhere has a property of this name too. */
const oneLevelOff: {
  readonly [Title in DefinitionTitle]?: { readonly [Name in PropertyName]?: CorrectPlace };
} = {
  ClientCredentialsGrant: { headers },
  JwtBearerGrant: {
    headers,
    subject: inAssertion,
    key: inAssertion,
    lifetime: inAssertion,
    runtime: {
      where: "in `assertion`",
      within: ["assertion"],
      hint: 'Write { "assertion": { "runtime": true } }',
    },
  },
  TokenExchangeGrant: { headers, token: inSubject },
  RefreshTokenGrant: { headers },
  ExtensionGrant: { headers },
  EnterpriseManagedGrant: {
    headers,
    subject: { where: "in `idp`", within: ["idp"] },
    token: { where: "in the `subject` of the `idp`", within: ["idp", "subject"] },
  },
  IdentityProvider: { token: inSubject },
  Subject: {
    runtime: { where: "in `token`", within: ["token"], hint: 'Write { "token": { "runtime": true } }' },
  },
  SecretReference: {
    runtime: {
      where: "in the `token` of a `subject` or the `assertion` of a jwt_bearer grant, and nowhere else",
      within: [],
    },
  },
  Client: { passphrase: { where: "in the `key` or the `certificate`", within: [] } },
  Metadata: { headers: { where: "in the `client`, beside `metadata`", within: [] } },
  Certificate: {
    certificateHeaders: { where: "in a `key` that signs, beside its `certificate`", within: [] },
  },
  Key: { timeout: inSigner, format: inSigner },
};

/** Properties of platform identities, by the references that have them. */
const identityProperties: Readonly<Record<string, readonly string[]>> = {
  audience: ["githubActions", "gcp", "aws"],
  resource: ["azure"],
  clientId: ["azure"],
};

/** Returns the property of the definition `title` that is meant by a name which other definitions have. */
export function synonymIn(title: string, name: string): string | undefined {
  const names: Readonly<Record<string, string>> = (isDefinition(title) ? synonyms[title] : undefined) ?? {};
  return Object.hasOwn(names, name) ? names[name] : undefined;
}

/**
 * Returns where a property belongs that the definition `title` does not have, or `undefined` for a name that no
 * definition has. `isPresent` tells whether the same object has a property of this name.
 */
export function correctPlaceOf(
  name: string,
  title: string,
  isPresent: (name: string) => boolean = () => false,
): CorrectPlace | undefined {
  if (!isDefinition(title)) return undefined;
  const near: Readonly<Record<string, CorrectPlace | undefined>> = oneLevelOff[title] ?? {};
  if (Object.hasOwn(near, name)) return near[name];
  if (title === "SecretReference" && Object.hasOwn(identityProperties, name)) {
    const kinds = identityProperties[name] ?? [];
    const meant = kinds.filter(isPresent);
    return {
      where: `in ${(meant.length > 0 ? meant : kinds).map((kind) => `\`${kind}\``).join(" or ")}`,
      within: [],
    };
  }
  const grants = typesWith(name, grantTitles);
  const stores = typesWith(name, storeTitles);
  if (isVariant(title, storeTitles) && stores.length > 0) return inOtherStores(stores, isPresent);
  if (isReferenceKind(name)) return inReference(name, title);
  if (isVariant(title, grantTitles) && grants.length > 0) return inOtherGrants(name, grants);
  return inUnion("grant", grants) ?? inOtherDefinition(name) ?? inUnion("store", stores);
}

/** For a reference in place of the object that should contain it, such as `{ "file": … }` in place of a key. */
function inReference(kind: ReferenceKind, title: DefinitionTitle): CorrectPlace | undefined {
  if (title === "DPoPKey") {
    const hint = `Write { "key": { "privateKey": { "${kind}": … } } }`;
    return { where: "in the `privateKey` of the `key`", within: ["key"], hint };
  }
  const { references, required }: Readonly<Record<"references" | "required", readonly string[]>> =
    definitions[title];
  const needed = references.filter((name) => required.includes(name));
  const within = needed.length > 0 ? needed : references.slice(0, 1);
  const [first] = within;
  if (first === undefined) return undefined;
  const written = within.map((name) => `"${name}": { "${kind}": … }`).join(", ");
  const signs = title === "Key" && kind === "exec";
  const hint = `Write { ${written} }${signs ? ', or { "signer": { "exec": … } } for a command that signs' : ""}`;
  return { where: `in \`${first}\``, within, hint };
}

function inOtherGrants(name: string, types: readonly string[]): CorrectPlace {
  const where = `to the grant type${types.length === 1 ? "" : "s"} ${listInWords(types)}`;
  const hint = name === "assertion" ? "The assertion of a client belongs in the `client`" : undefined;
  return { where, within: [], ...(hint !== undefined && { hint }) };
}

function inOtherStores(types: readonly string[], isPresent: (name: string) => boolean): CorrectPlace {
  const stores: Titles = storeTitles;
  // Prefers a type that the object has another property of, which no other type has.
  const meant = types.filter((type) => {
    const names = propertiesOf(stores[type]).filter((name) => typesWith(name, stores).length === 1);
    return names.some(isPresent);
  });
  const named = meant.length > 0 ? meant : types;
  return { where: `to a store of type ${named.join(" or ")}`, within: [] };
}

function inUnion(property: "grant" | "store", types: readonly string[]): CorrectPlace | undefined {
  const [first, second] = types;
  if (first === undefined) return undefined;
  const where = second === undefined ? `in a \`${property}\` of type ${first}` : `in \`${property}\``;
  return { where, within: [property] };
}

function inOtherDefinition(name: string): CorrectPlace | undefined {
  for (const [title, place] of Object.entries(places)) {
    if (place !== undefined && propertiesOf(title).includes(name)) return place;
  }
  return undefined;
}

/** The types of a grant or a store that have a property of this name. */
function typesWith(name: string, titles: Titles): readonly string[] {
  return Object.keys(titles).filter((type) => propertiesOf(titles[type]).includes(name));
}

function isVariant(title: string, titles: Titles): boolean {
  return Object.values<string>(titles).includes(title);
}

function isReferenceKind(name: string): name is ReferenceKind {
  return referenceKinds.some((kind) => kind === name);
}
