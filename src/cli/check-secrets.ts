import type { ConfigSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { messageWithoutServer } from "../errors/message-without-server.js";
import { createPermissions, forbidCommands } from "../lib/permissions.js";
import { quoted } from "../lib/printable.js";
import { unreachable } from "../lib/unreachable.js";
import { platformFetch } from "../net/own-requests.js";
import { assertStorePackage } from "../runtime/manager-internals.js";
import type { SecretContext } from "../secrets/read-secret.js";
import { describeReference } from "../secrets/reference.js";
import {
  type ConfigSecret,
  referencesOf,
  secretsOf,
  secretsOfProxy,
  secretsOfStore,
} from "./config-secrets.js";
import type { CommandIo } from "./io.js";

export interface CheckedSecrets {
  readonly failures: readonly McpAuthError[];
  /** Secrets that only the code of the agent can provide. */
  readonly skipped: readonly { readonly server: string; readonly message: string }[];
}

type Sources = Omit<SecretContext, "server">;

/**
 * Reads every secret, key and certificate of the config once, one after another, and checks that the package of its
 * store is installed. It runs commands and asks the platform for tokens, but signs nothing and sends nothing to the servers
 * of the config. Rejects with `aborted`.
 */
export async function checkSecrets(
  { servers, store, proxy, network: spec, commands }: ConfigSpec,
  { env, signal }: Pick<CommandIo, "env" | "signal">,
): Promise<CheckedSecrets> {
  const { createNetwork } = await import("../net/network.js");
  const network = createNetwork({ fetch: platformFetch(), spec, env });
  try {
    const allowed = createPermissions({ environments: [env] });
    const permissions = commands === undefined ? allowed : forbidCommands(allowed, commands.forbidden);
    const { fetch, fetchDirect } = network;
    return await checkAll(
      { servers, store, proxy },
      { env, envFilesIn: servers.shared.folder, signal, fetch, fetchDirect, permissions },
    );
  } finally {
    await network.close();
  }
}

async function checkAll(
  { servers, store, proxy }: Pick<ConfigSpec, "servers" | "store" | "proxy">,
  sources: Sources,
): Promise<CheckedSecrets> {
  const failures = new Map<string, McpAuthError>();
  const skipped: { server: string; message: string }[] = [];
  const seen = new Set<string>();
  const missing = await failureIn(assertStorePackage(store));
  if (missing !== undefined) failures.set(missing.message, missing);
  const wanted = [
    { server: "", subject: "The store", all: secretsOfStore(store) },
    { server: "", subject: "The proxy", all: secretsOfProxy(proxy) },
    // Skips servers that cannot be used, because the violations already report them.
    ...[...servers.values()].flatMap((entry) =>
      "spec" in entry
        ? [{ server: entry.name, subject: `Server "${entry.name}"`, all: secretsOf(entry.spec) }]
        : [],
    ),
  ];
  for (const { server, subject, all } of wanted) {
    for (const secret of all) {
      const key = JSON.stringify(secret);
      if (seen.has(key)) continue;
      seen.add(key);
      const reason = reasonToSkip(secret);
      if (reason !== undefined) {
        skipped.push({ server, message: `${subject}: ${reason}` });
        continue;
      }
      const failure = await failureIn(read(secret, { ...sources, server }));
      if (failure === undefined) continue;
      // A secret that is missing for several servers, or in several roles, is one mistake.
      const mistake = messageWithoutServer(failure);
      if (!failures.has(mistake)) failures.set(mistake, failure);
    }
  }
  return { failures: [...failures.values()], skipped };
}

/** Returns why a secret is not checked, as a clause, or `undefined` if it is. */
function reasonToSkip(secret: ConfigSecret): string | undefined {
  if (secret.kind === "subject") return "the token of its user is given at run time, so it was not checked.";
  const resolver = referencesOf(secret).find((reference) => "resolver" in reference);
  if (resolver !== undefined) {
    return `${describeReference(resolver)} is a function given in code, so its secret was not checked.`;
  }
  if (secret.kind !== "key" || !("signer" in secret.key) || !("name" in secret.key.signer)) return undefined;
  return `the signer ${quoted(secret.key.signer.name)} is a function given in code, so it was not checked.`;
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

async function read(secret: ConfigSecret, context: SecretContext): Promise<unknown> {
  switch (secret.kind) {
    case "secret":
      return await (await import("../secrets/read-secret.js")).readSecret(secret.reference, context);
    case "encryption key":
      return await (await import("../keys/store-secret.js")).readEncryptionKey(secret.reference, context);
    case "redis url":
      return await (await import("../keys/store-secret.js")).readRedisUrl(secret.reference, context);
    case "header":
      return await (await import("../secrets/read-header.js")).readHeader(secret.reference, context);
    case "key":
      return await (await import("../keys/load-key.js")).loadKey(secret.key, context);
    case "certificate":
      return await (await import("../keys/load-tls-identity.js")).loadTlsIdentity(
        secret.certificate,
        context,
      );
    case "subject":
      return undefined;
    default:
      return unreachable(secret);
  }
}
