import type { CheckContext, Report } from "./check-context.js";
import { entries, isObject, type Json, type JsonObject, type Path, property } from "./json.js";

/** An assertion for an authorization server, signed with a key of the config: a client's own, or that of a grant. */
interface SignedFor {
  readonly issuer: string;
  /** What the assertion proves: the key that signs it, and the URL of a client id metadata document with its keys. */
  readonly identities: () => readonly Identity[];
  /** The place of the audience, if that is `token_endpoint`. */
  readonly audience: Path | undefined;
}

interface Identity {
  readonly kind: "key" | "client id";
  readonly name: string;
}

/**
 * Refuses the audience `token_endpoint` for an identity that several issuers know. One of them could publish the token
 * endpoint of another as its own, and would receive assertions that the other accepts.
 */
export function checkAssertionAudiences(config: Json, { report, resolvedText }: CheckContext): void {
  const all = [...signedAssertions(config, resolvedText)];
  if (all.every(({ audience }) => audience === undefined)) return;
  const issuers = new Map<string, Set<string>>();
  for (const { issuer, identities } of all) {
    for (const { name } of identities()) issuers.set(name, (issuers.get(name) ?? new Set()).add(issuer));
  }
  for (const { audience, identities } of all) {
    const shared = identities().find(({ name }) => (issuers.get(name)?.size ?? 0) > 1);
    if (audience !== undefined && shared !== undefined) report(audience, sharedIdentity[shared.kind]);
  }
}

const sharedIdentity: Readonly<Record<Identity["kind"], Report>> = {
  key: {
    message:
      "Must not be token_endpoint: this key is used at several issuers, and one could name the endpoint of another",
    hint: "Use another key for each issuer, or write the URL that the server expects",
  },
  "client id": {
    message:
      "Must not be token_endpoint: this client id is used at several issuers, and one could name the endpoint of another",
    hint: "Write the URL that the server expects",
  },
};

type ReadText = CheckContext["resolvedText"];

function* signedAssertions(config: Json, read: ReadText): Iterable<SignedFor> {
  const keys = property(config, "keys");
  const clients = property(config, "clients");
  const ofClient = (client: Json | undefined, path: Path): readonly SignedFor[] => {
    const issuer = read(client, path, "issuer");
    if (!isObject(client) || issuer === undefined) return [];
    const id = read(client, path, "id");
    const document = id !== undefined && /^https:\/\//i.test(id) ? id : undefined;
    const identities = () => [
      ...keyIdentity(client, keys),
      ...(document === undefined ? [] : [{ kind: "client id", name: document } as const]),
    ];
    const isAtEndpoint = read(client, path, "assertionAudience") === "token_endpoint";
    return [{ issuer, identities, audience: isAtEndpoint ? [...path, "assertionAudience"] : undefined }];
  };
  for (const [name, client] of entries(clients)) yield* ofClient(client, ["clients", name]);
  for (const [name, server] of entries(property(config, "servers"))) {
    const grant = property(server, "grant");
    const path = ["servers", name, "grant"];
    // A name refers to one of the clients above.
    yield* ofClient(property(grant, "client"), [...path, "client"]);
    yield* ofClient(property(property(grant, "idp"), "client"), [...path, "idp", "client"]);
    const assertion = property(grant, "assertion");
    if (!isObject(assertion)) continue;
    const used = property(grant, "client");
    const issuer =
      typeof used === "string"
        ? read(property(clients, used), ["clients", used], "issuer")
        : read(used, [...path, "client"], "issuer");
    const at = [...path, "assertion"];
    const isAtEndpoint = read(assertion, at, "audience") === "token_endpoint";
    if (issuer === undefined) continue;
    yield {
      issuer,
      identities: () => keyIdentity(assertion, keys),
      audience: isAtEndpoint ? [...at, "audience"] : undefined,
    };
  }
}

/** Identifies the key of a client or an assertion by where it comes from, because two names may stand for one key. */
function keyIdentity(holder: JsonObject, keys: Json | undefined): readonly Identity[] {
  const key = property(holder, "key");
  const definition = typeof key === "string" ? property(keys, key) : key;
  const source = property(definition, "privateKey") ?? property(definition, "signer");
  return source === undefined ? [] : [{ kind: "key", name: JSON.stringify(source) }];
}
