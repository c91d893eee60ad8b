import { X509Certificate } from "node:crypto";
import { type FileHandle, readdir } from "node:fs/promises";
import { join } from "node:path";
import * as tls from "node:tls";
import { McpAuthError } from "../errors/error.js";
import { errorCode } from "../lib/error-code.js";
import type { AllowRules } from "../lib/permissions.js";
import { printable } from "../lib/printable.js";
import { openToRead, readAtMost } from "../lib/read-file.js";

/** 4 MiB: the roots of a whole operating system are a few hundred KiB. */
const maxBytes = 4_194_304;

const certificates = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

// From Node 22.15 on, which the types do not know of; it also takes --use-system-ca into account.
const { getCACertificates } = tls as { getCACertificates?: (type: "default") => readonly string[] };

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The certificates of some files, in PEM. Rejects with `config_invalid`, naming the file, when one cannot be read, may not be
 * read by `allow`, or is not a list of certificates.
 */
export async function readAuthorities(
  files: readonly string[],
  allow?: AllowRules,
): Promise<readonly string[]> {
  return (await Promise.all(files.map((file) => readFileOfAuthorities(file, allow)))).flat();
}

/** The certificates that Node trusts by itself. */
export async function usualAuthorities(processEnv: Variables): Promise<readonly string[]> {
  if (getCACertificates !== undefined) return getCACertificates("default");
  return [...tls.rootCertificates, ...(await readIfThere(processEnv["NODE_EXTRA_CA_CERTS"]))];
}

/** Another list once `tls.setDefaultCACertificates` has changed what Node trusts by itself. */
export function presentAuthorities(): readonly string[] {
  return getCACertificates?.("default") ?? tls.rootCertificates;
}

/**
 * How the certificates that Node trusts differ from its bundled roots: the added ones without white space, and a marker where
 * roots are missing. Empty where nothing was configured, on every version of Node.
 */
export async function addedAuthorities(processEnv: Variables): Promise<readonly string[]> {
  const usual = (await usualAuthorities(processEnv)).map(withoutSpaces);
  const added = new Set(usual);
  const isWithAll = tls.rootCertificates.map((root) => added.delete(withoutSpaces(root))).every(Boolean);
  return [
    ...(isWithAll ? added : ["these alone", ...usual]),
    ...(usesOpenSslStore(processEnv) ? ["openssl", ...(await openSslStore(processEnv))] : []),
  ];
}

/** The same certificate may be wrapped differently. */
export function withoutSpaces(pem: string): string {
  return pem.replaceAll(/\s+/g, "");
}

/** `--use-openssl-ca`, which is the default in the Node of some distributions. */
function usesOpenSslStore(processEnv: Variables): boolean {
  const flags = [...process.execArgv, ...(processEnv["NODE_OPTIONS"] ?? "").split(/\s+/)];
  if (flags.includes("--use-bundled-ca")) return false;
  if (flags.includes("--use-openssl-ca")) return true;
  // Node's types know only some of the variables.
  const built: object = process.config.variables;
  return "openssl_use_def_ca_store" in built && built.openssl_use_def_ca_store === true;
}

/** The certificates that the variables of OpenSSL name. Its default folders differ by machine and are not read. */
async function openSslStore(processEnv: Variables): Promise<readonly string[]> {
  const folder = processEnv["SSL_CERT_DIR"] ?? "";
  const names = folder === "" ? [] : await readdir(folder).catch(() => []);
  const files = [processEnv["SSL_CERT_FILE"], ...names.map((name) => join(folder, name))];
  return (await Promise.all(files.map(readIfThere))).flat().map(withoutSpaces);
}

/** Node warns of a file that it cannot use and continues without it. */
async function readIfThere(file: string | undefined): Promise<readonly string[]> {
  return file === undefined || file === "" ? [] : await readFileOfAuthorities(file).catch(() => []);
}

async function readFileOfAuthorities(file: string, allow?: AllowRules): Promise<readonly string[]> {
  const refuse = (why: string): McpAuthError =>
    new McpAuthError("config_invalid", `The file ${printable(file)}, named in "network.ca", ${why}`);
  const text = await read(file, allow, refuse);
  const found = text.match(certificates) ?? [];
  if (found.length === 0) {
    throw refuse("holds no certificate in PEM (-----BEGIN CERTIFICATE-----). Convert it, or name another.");
  }
  for (const [index, pem] of found.entries()) {
    if (!isCertificate(pem)) throw refuse(`is damaged: its certificate number ${index + 1} cannot be read.`);
  }
  return found;
}

async function read(
  file: string,
  allow: AllowRules | undefined,
  refuse: (why: string) => McpAuthError,
): Promise<string> {
  const notAllowed = () => refuse("may not be read, because `allow.files` does not include it.");
  if ((await allow?.file(file)) === false) throw notAllowed();
  let handle: FileHandle | undefined;
  try {
    // Another file may take its place at any time, so the open one is checked.
    handle = await openToRead(file);
    const stats = await handle.stat({ bigint: true });
    if ((await allow?.file(file, stats)) === false) throw notAllowed();
    if (!stats.isFile()) throw refuse("is not a regular file.");
    const bytes = await readAtMost(handle, maxBytes + 1);
    if (bytes.length > maxBytes) throw refuse("is larger than 4 MiB.");
    return bytes.toString("utf8");
  } catch (error) {
    if (error instanceof McpAuthError) throw error;
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") throw refuse("does not exist.");
    if (code === "EACCES" || code === "EPERM") throw refuse("may not be read by this process.");
    // What opening a socket gives.
    if (code === "ENXIO") throw refuse("is not a regular file.");
    throw refuse("cannot be read.");
  } finally {
    await handle?.close().catch(() => {});
  }
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}
