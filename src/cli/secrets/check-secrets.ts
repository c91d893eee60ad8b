import { buildServer } from "../../config/build-server.js";
import { findReferences, type PlacedReference, referenceKey } from "../../config/find-references.js";
import { entries, type Json, type Path } from "../../config/json.js";
import type { CheckedValue } from "../../config/load.js";
import type { Mistake } from "../../config/source-document.js";
import type { ConfigSpec, SecretReference, ServerEntries, ServerSpec } from "../../config/spec.js";
import { findingText } from "../../diagnosis/finding.js";
import { checkClientId } from "../../diagnosis/secret-text.js";
import { McpAuthError } from "../../errors/error.js";
import { messageWithoutServer } from "../../errors/message-without-server.js";
import { createPermissions } from "../../lib/permissions.js";
import { quoted } from "../../lib/printable.js";
import { assertStorePackage } from "../../runtime/manager-internals.js";
import type { SecretContext } from "../../secrets/read-secret.js";
import { describeReference, isLocal } from "../../secrets/reference.js";
import type { CommandIo } from "../io.js";
import { checkConfigSecret, expectedFailure } from "./check-config-secret.js";
import {
  type ConfigSecret,
  clientsOf,
  referencesOf,
  secretsOf,
  secretsOfProxy,
  secretsOfStore,
} from "./config-secrets.js";
import { isIdentityElsewhere } from "./identity-elsewhere.js";
import { withSecretContext } from "./with-secret-context.js";

export interface CheckedSecrets {
  /** Each with the place of what it is about. */
  readonly failures: readonly SecretFailure[];
  readonly warnings: readonly Mistake[];
  /** Secrets that only the code of the agent or another machine can provide. */
  readonly skipped: readonly { readonly server: string; readonly message: string }[];
}

interface SecretFailure extends Mistake {
  readonly error: McpAuthError;
}

/** A config, and what was built from it; without `spec` it has mistakes. */
interface Checked {
  readonly document: CheckedValue;
  readonly spec: ConfigSpec | undefined;
}

type Sources = Omit<SecretContext, "server">;

/**
 * Reads every secret, key and certificate of the config once, one after another, looks at what they hold, and checks
 * that the package of its store is installed. Also reads those of a server with a variable that has no value, and, of a
 * config with mistakes, those in variables and files. It runs commands, and asks the platform that it runs on for
 * tokens, but signs nothing and sends nothing to the servers of the config. Rejects with `aborted`.
 */
export async function checkSecrets(
  { document, spec }: Checked,
  { env, signal }: Pick<CommandIo, "env" | "signal">,
): Promise<CheckedSecrets> {
  const places = new Places(document);
  const { folder } = document;
  if (spec === undefined) {
    const permissions = createPermissions({ environments: [env] });
    return await checkReferences(places, { env, envFilesIn: folder, signal, permissions });
  }
  return await withSecretContext(spec, { env, signal, folder }, (sources) => checkAll(spec, places, sources));
}

/** Where the config has its references. Leaves out those with a variable that has no value. */
class Places {
  readonly document: CheckedValue;
  readonly all: readonly PlacedReference[];
  /** The first place of each reference. */
  readonly #paths = new Map<string, Path>();

  constructor(document: CheckedValue) {
    this.document = document;
    this.all = findReferences(document.value, document.folder).filter(
      ({ path }) => !document.isUnresolved(path),
    );
    for (const { reference, path } of this.all.toReversed()) this.#paths.set(referenceKey(reference), path);
  }

  of(reference: SecretReference): Path | undefined {
    return this.#paths.get(referenceKey(reference));
  }
}

interface Owner {
  /** Empty for what is not of a server. */
  readonly server: string;
  /** Begins the messages. */
  readonly subject: string;
}

/** Collects what was found. A secret that is missing for several servers, or in several roles, is one mistake. */
class Findings implements CheckedSecrets {
  readonly #failures = new Map<string, SecretFailure>();
  readonly #warnings = new Map<string, Mistake>();
  readonly skipped: { readonly server: string; readonly message: string }[] = [];

  get failures() {
    return [...this.#failures.values()];
  }

  get warnings() {
    return [...this.#warnings.values()];
  }

  fail(error: McpAuthError, path: Path, { server, subject }: Owner): void {
    const text = messageWithoutServer(error);
    if (this.#failures.has(text)) return;
    const named = server === "" && error.server !== undefined;
    const { code, retryable, retryAfter } = error;
    const shown = named ? new McpAuthError(code, `${subject}: ${text}`, { retryable, retryAfter }) : error;
    this.#failures.set(text, { path, message: shown.message, error: shown });
  }

  warn(text: string, path: Path, { subject }: Owner): void {
    if (!this.#warnings.has(text)) this.#warnings.set(text, { message: `${subject}: ${text}`, path });
  }

  skip(reason: string, { server, subject }: Owner): void {
    this.skipped.push({ server, message: `${subject}: ${reason}` });
  }
}

async function checkAll(
  { servers, store, proxy }: Pick<ConfigSpec, "servers" | "store" | "proxy">,
  places: Places,
  sources: Sources,
): Promise<CheckedSecrets> {
  const findings = new Findings();
  const seen = new Set<string>();
  const checkEach = async (secrets: readonly ConfigSecret[], owner: Owner): Promise<void> => {
    for (const secret of secrets) {
      const key = JSON.stringify(secret);
      if (seen.has(key) || referencesOf(secret).some((each) => places.of(each) === undefined)) continue;
      seen.add(key);
      const reason = reasonToSkip(secret, sources);
      if (reason === undefined) await check(secret, owner);
      else findings.skip(reason, owner);
    }
  };
  const check = async (secret: ConfigSecret, owner: Owner): Promise<void> => {
    const { mistakes, warning } = await checkConfigSecret(secret, { ...sources, server: owner.server });
    for (const { error, reference } of mistakes) findings.fail(error, places.of(reference) ?? [], owner);
    if (warning === undefined) return;
    findings.warn(findingText(warning.finding), places.of(warning.reference) ?? [], owner);
  };
  const ofStore = { server: "", subject: "The store of the config" };
  try {
    await assertStorePackage(store);
  } catch (error) {
    findings.fail(expectedFailure(error), ["store", "type"], ofStore);
  }
  await checkEach(secretsOfStore(store), ofStore);
  await checkEach(secretsOfProxy(proxy), { server: "", subject: "The proxy" });
  const unbuilt = new Set<string>();
  for (const name of servers.names) {
    const owner = { server: name, subject: `Server "${name}"` };
    const server = specOf(name, servers, places.document);
    if (server === undefined) {
      unbuilt.add(name);
      continue;
    }
    for (const { id = "" } of clientsOf(server)) {
      const finding = checkClientId(id);
      if (finding !== undefined) findings.warn(findingText(finding), ["servers", name, "grant"], owner);
    }
    await checkEach(secretsOf(server), owner);
  }
  await checkReferences(places, sources, findings, ({ path: [section, name = ""] }) => {
    return section === "servers" && unbuilt.has(name);
  });
  return findings;
}

/**
 * Returns a server, also one that cannot be used because a variable has no value. Returns `undefined` if it is even
 * unknown which grant it has.
 */
function specOf(name: string, servers: ServerEntries, document: CheckedValue): ServerSpec | undefined {
  const entry = servers.build(name);
  if (entry === undefined || "spec" in entry) return entry?.spec;
  const definition = servers.definition(name);
  if (definition === undefined || document.isUnresolved(["servers", name, "grant", "type"])) return undefined;
  const { clients, keys, defaults, folder } = servers.shared;
  const shared = {
    servers: {},
    ...(clients !== undefined && { clients }),
    ...(keys !== undefined && { keys }),
    ...(defaults !== undefined && { defaults }),
  };
  return buildServer(name, { ...definition, url: definition.url ?? "" }, shared, folder);
}

/** Reads references in variables and files one by one, without knowing what they are for. */
async function checkReferences(
  { document, all }: Places,
  sources: Sources,
  findings = new Findings(),
  isWanted: (place: PlacedReference) => boolean = isUsedIn(document.value),
): Promise<CheckedSecrets> {
  for (const place of all) {
    const { reference, path } = place;
    if (!isWanted(place) || !isLocal(reference)) continue;
    const owner = ownerOf(path);
    const secret = { kind: "secret", reference } as const;
    const { mistakes } = await checkConfigSecret(secret, { ...sources, server: owner.server });
    for (const { error } of mistakes) findings.fail(error, path, owner);
  }
  return findings;
}

/** Returns whether a reference is used: the one of a named client or key only if something names it. */
function isUsedIn(config: Json): (place: PlacedReference) => boolean {
  const names = { clients: new Set<Json>(), keys: new Set<Json>() };
  const visit = (value: Json): void => {
    for (const [name, inner] of entries(value)) {
      if (name === "client") names.clients.add(inner);
      if (name === "key") names.keys.add(inner);
      visit(inner);
    }
  };
  visit(config);
  return ({ path: [section, name = ""] }) =>
    section === "clients" || section === "keys" ? names[section].has(name) : true;
}

function ownerOf([section, name = ""]: Path): Owner {
  switch (section) {
    case "servers":
      return { server: name, subject: `Server "${name}"` };
    case "clients":
      return { server: "", subject: `Client "${name}"` };
    case "keys":
      return { server: "", subject: `Key "${name}"` };
    default:
      return { server: "", subject: `The section "${section ?? ""}" of the config` };
  }
}

/** Returns why a secret is not checked, as a clause, or `undefined` if it is. */
export function reasonToSkip(secret: ConfigSecret, { env }: Pick<Sources, "env">): string | undefined {
  if (secret.kind === "subject") return "the token of its user is given at run time, so it was not checked.";
  for (const reference of referencesOf(secret)) {
    if ("resolver" in reference) {
      return `${describeReference(reference)} is a function given in code, so its secret was not checked.`;
    }
    if (isIdentityElsewhere(reference, env)) {
      return `${describeReference(reference)} comes from the platform, so it was not checked here.`;
    }
  }
  if (secret.kind !== "key" || !("signer" in secret.key) || !("name" in secret.key.signer)) return undefined;
  return `the signer ${quoted(secret.key.signer.name)} is a function given in code, so it was not checked.`;
}
