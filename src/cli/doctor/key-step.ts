import type { CertificateSpec, KeySpec, SecretReference } from "../../config/spec.js";
import { certificateEnds } from "../../diagnosis/certificate-end.js";
import type { Finding } from "../../diagnosis/finding.js";
import { certificateNotForClients } from "../../diagnosis/token-request/other-credentials.js";
import { readCertificate } from "../../keys/certificate.js";
import { loadKey } from "../../keys/load-key.js";
import { loadTlsIdentity } from "../../keys/load-tls-identity.js";
import type { KeyContext } from "../../keys/signing-key.js";
import { printable } from "../../lib/printable.js";
import { readKeyContent } from "../../secrets/read-secret.js";
import { describeReference } from "../../secrets/reference.js";
import { reasonToSkip } from "../secrets/check-secrets.js";
import { distinctSecretsOf } from "../secrets/config-secrets.js";
import { type Outcome, pass, skip, warn } from "./outcome.js";
import type { ServerCheck } from "./server-check.js";

/** What a key or certificate is, and what is unusual about it. */
interface Described {
  readonly text: string;
  readonly finding?: Finding | undefined;
}

/** Loads the keys and certificates of the server. */
export async function checkServerKeys({ server, env }: ServerCheck, signal: AbortSignal): Promise<Outcome> {
  const context = server.context(signal);
  const described: Described[] = [];
  for (const secret of distinctSecretsOf(server.spec)) {
    if (secret.kind !== "key" && secret.kind !== "certificate") continue;
    const reason = reasonToSkip(secret, { env });
    if (reason !== undefined) return skip(reason);
    const describe =
      secret.kind === "key"
        ? describeKey(secret.key, context)
        : describeCertificate(secret.certificate, context);
    described.push(await describe);
  }
  const finding = described.map((each) => each.finding).find((each) => each !== undefined);
  if (finding !== undefined) return warn(finding);
  return pass(described.length === 0 ? "none needed" : described.map(({ text }) => text).join("; "));
}

async function describeKey(spec: KeySpec, context: KeyContext): Promise<Described> {
  const key = await loadKey(spec, context);
  const { kid, configuredAlgorithm, algorithms } = key;
  // Which of its many algorithms an RSA key signs with also depends on the server; a rejected request names it.
  const possible = algorithms.includes("RS256") ? 'RSA without "alg"' : algorithms.join(" or ");
  const algorithm = configuredAlgorithm ?? possible;
  const text = `${algorithm}, ${kid === undefined ? "no kid" : `kid ${printable(kid)}`}`;
  if (spec.certificate === undefined) return { text };
  const { end, finding } = await endOf(spec.certificate, context);
  return { text: `${text}, ${end}`, finding };
}

async function describeCertificate(spec: CertificateSpec, context: KeyContext): Promise<Described> {
  const { isForClients } = await loadTlsIdentity(spec, context);
  const { end, finding } = await endOf(spec.cert, context);
  return { text: end, finding: isForClients === false ? certificateNotForClients : finding };
}

async function endOf(reference: SecretReference, context: KeyContext) {
  const { beginsAt, expiresAt } = readCertificate((await readKeyContent(reference, context)).reveal());
  const source = describeReference(reference);
  return {
    end: `certificate valid until ${new Date(expiresAt).toISOString().slice(0, 10)}`,
    finding: certificateEnds({ source, beginsAt, expiresAt, now: Date.now() }),
  };
}
