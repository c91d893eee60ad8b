import type { ConfigSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { createPermissions, forbidCommands } from "../lib/permissions.js";
import { quoted } from "../lib/printable.js";
import { platformFetch } from "../net/own-requests.js";
import { assertStorePackage } from "../runtime/manager-internals.js";
import type { SecretContext } from "../secrets/read-secret.js";
import { describeReference } from "../secrets/reference.js";
import { referencesOf, type Sought, secretsOf, secretsOfStore } from "./config-secrets.js";
import type { CommandIo } from "./io.js";

export interface CheckedSecrets {
  readonly failures: readonly McpAuthError[];
  /** What only the code of the agent can give. */
  readonly skipped: readonly { readonly server: string; readonly message: string }[];
}

type Sources = Omit<SecretContext, "server">;

/**
 * Reads every secret, key and certificate that the config refers to, one after the other, each once, and looks whether the
 * package is there that its store needs. Commands are run for it, and GitHub is asked; nothing is signed and nothing is sent
 * to a server of the config. Rejects with `aborted`.
 */
export async function checkSecrets(
  { servers, store, network: spec, commands }: ConfigSpec,
  { env, signal }: Pick<CommandIo, "env" | "signal">,
): Promise<CheckedSecrets> {
  const { createNetwork } = await import("../net/network.js");
  const network = createNetwork({ fetch: platformFetch(), spec, env });
  try {
    const allowed = createPermissions({ environments: [env] });
    const permissions = commands === undefined ? allowed : forbidCommands(allowed, commands.forbidden);
    return await checkAll({ servers, store }, { env, signal, fetch: network.fetch, permissions });
  } finally {
    await network.close();
  }
}

async function checkAll(
  { servers, store }: Pick<ConfigSpec, "servers" | "store">,
  sources: Sources,
): Promise<CheckedSecrets> {
  const failures = new Map<string, McpAuthError>();
  const skipped: { server: string; message: string }[] = [];
  const seen = new Set<string>();
  const missing = await failureIn(assertStorePackage(store));
  if (missing !== undefined) failures.set(missing.message, missing);
  const wanted = [
    { server: "", whose: "The store", all: secretsOfStore(store) },
    // Why one cannot be used at all is among the violations.
    ...[...servers.values()].flatMap((entry) =>
      "spec" in entry
        ? [{ server: entry.name, whose: `Server "${entry.name}"`, all: secretsOf(entry.spec) }]
        : [],
    ),
  ];
  for (const { server, whose, all } of wanted) {
    for (const sought of all) {
      const key = JSON.stringify(sought);
      if (seen.has(key)) continue;
      seen.add(key);
      const reason = reasonToSkip(sought);
      if (reason !== undefined) {
        skipped.push({ server, message: `${whose}: ${reason}` });
        continue;
      }
      const failure = await failureIn(read(sought, { ...sources, server }));
      // What is missing for several servers, or as several things, is one mistake.
      const same = failure?.message.replace(`Server "${server}": `, "") ?? "";
      if (failure !== undefined && !failures.has(same)) failures.set(same, failure);
    }
  }
  return { failures: [...failures.values()], skipped };
}

function reasonToSkip(sought: Sought): string | undefined {
  if (sought.kind === "subject") return "the token of its user is given at run time and was not checked.";
  const inCode = referencesOf(sought).find((reference) => "resolver" in reference);
  if (inCode !== undefined) {
    return `${describeReference(inCode)} is a function given in code; what it gives was not checked.`;
  }
  if (sought.kind !== "key" || !("signer" in sought.key) || !("name" in sought.key.signer)) return undefined;
  return `the signer ${quoted(sought.key.signer.name)} is a function given in code and was not checked.`;
}

async function failureIn(work: Promise<unknown>): Promise<McpAuthError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof McpAuthError && error.code !== "aborted") return error;
    throw error;
  }
}

async function read(sought: Sought, context: SecretContext): Promise<unknown> {
  switch (sought.kind) {
    case "secret":
      return await (await import("../secrets/read-secret.js")).readSecret(sought.reference, context);
    case "encryption key":
      return await (await import("../keys/store-secret.js")).readEncryptionKey(sought.reference, context);
    case "redis url":
      return await (await import("../keys/store-secret.js")).readRedisUrl(sought.reference, context);
    case "header":
      return await (await import("../secrets/read-header.js")).readHeader(sought.reference, context);
    case "key":
      return await (await import("../keys/load-key.js")).loadKey(sought.key, context);
    case "certificate":
      return await (await import("../keys/load-tls-identity.js")).loadTlsIdentity(
        sought.certificate,
        context,
      );
    case "subject":
      return undefined;
  }
}
