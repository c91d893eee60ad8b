import type { SecretReference } from "../../config/spec.js";
import { type Finding, findingText } from "../../diagnosis/finding.js";
import { checkClientId } from "../../diagnosis/secret-text.js";
import type { McpAuthError } from "../../errors/error.js";
import { messageWithoutServer } from "../../errors/message-without-server.js";
import { counted } from "../../lib/counted.js";
import { printable } from "../../lib/printable.js";
import { readSecret, type SecretContext } from "../../secrets/read-secret.js";
import { describeReference, isLocal } from "../../secrets/reference.js";
import { checkConfigSecret } from "../secrets/check-config-secret.js";
import { reasonToSkip } from "../secrets/check-secrets.js";
import { type ConfigSecret, clientsOf, distinctSecretsOf, referencesOf } from "../secrets/config-secrets.js";
import { fail, type Outcome, pass, skip, warn } from "./outcome.js";
import type { ServerCheck } from "./server-check.js";

/** Reads each secret of the server once. Keys and certificates are a step of their own. */
export async function checkServerSecrets(
  { server, env }: ServerCheck,
  signal: AbortSignal,
): Promise<Outcome> {
  const { spec } = server;
  const context = server.context(signal);
  const findings: Finding[] = clientsOf(spec).flatMap(({ id = "" }) => checkClientId(id) ?? []);
  const failures: McpAuthError[] = [];
  const [read, skipped]: [string[], string[]] = [[], []];
  for (const secret of distinctSecretsOf(spec).filter((each) => !isKey(each))) {
    const reason = reasonToSkip(secret, { env });
    if (reason !== undefined) {
      skipped.push(reason);
      continue;
    }
    const { mistakes, warning } = await checkConfigSecret(secret, context);
    for (const { error } of mistakes) failures.push(error);
    if (mistakes.length > 0) continue;
    if (warning !== undefined) findings.push(warning.finding);
    for (const reference of referencesOf(secret)) read.push(await describe(secret, reference, context));
  }
  const [failure] = failures;
  if (failure !== undefined) return { ...fail(failure), todo: failures.map(messageWithoutServer).join(" ") };
  // Without it, a token request here would fail, which says nothing about the place where the agent runs.
  if (skipped.length > 0) return skip(skipped.join(" "));
  const [finding] = findings;
  if (finding !== undefined) return warn({ id: finding.id, remedy: findings.map(findingText).join(" ") });
  if (read.length > 0) return pass(read.join("; "));
  // A key may well be read from a variable.
  return pass(distinctSecretsOf(spec).some(isKey) ? "no client secret" : "none needed");
}

/** A key of the config, which is read by the next step. */
function isKey({ kind }: ConfigSecret): boolean {
  return kind === "key" || kind === "certificate";
}

/** Names a reference. A length, which tells a cut secret from a whole one, is shown only of client secrets. */
async function describe(
  { kind }: ConfigSecret,
  reference: SecretReference,
  context: SecretContext,
): Promise<string> {
  const name = nameOf(reference);
  if (kind !== "client secret" || !isLocal(reference)) return name;
  const { length } = (await readSecret(reference, context)).reveal();
  return `${name}, ${counted(length, "character")}`;
}

function nameOf(reference: SecretReference): string {
  return "env" in reference ? printable(reference.env) : describeReference(reference);
}
