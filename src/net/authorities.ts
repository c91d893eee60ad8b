import { X509Certificate } from "node:crypto";
import { type FileHandle, readdir } from "node:fs/promises";
import { join } from "node:path";
import * as tls from "node:tls";
import { McpAuthError } from "../errors/error.js";
import { errorCode, hasErrorCode, ignoreSystemError, isProgrammingError } from "../errors/expected-errors.js";
import type { AllowRules } from "../lib/permissions.js";
import { printable } from "../lib/printable.js";
import { openToRead, readAtMost } from "../lib/read-file.js";
import type { ExtraAuthorities } from "./connection.js";
import { usesOpenSslByDefault } from "./unchanged-authorities.js";

/** 4 MiB. All roots of an operating system take a few hundred KiB. */
const maxBytes = 4_194_304;

const notRegular = "is not a regular file. Name a file with certificates in PEM.";

const certificates = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

// Node.js has this function since 22.15, but the types do not declare it. It takes --use-system-ca into account.
const { getCACertificates } = tls as {
  getCACertificates?: (type: "default" | "extra") => readonly string[];
};

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Reads the certificates in some files, in PEM. Rejects with `config_invalid`, and names the file, if a file cannot be
 * read, is not allowed by `allow`, or is not a list of certificates.
 */
export async function readAuthorities(
  files: readonly string[],
  allow?: AllowRules,
): Promise<readonly string[]> {
  return (await Promise.all(files.map((file) => readAuthoritiesFile(file, allow)))).flat();
}

/** Returns the certificates that Node trusts by default. */
export async function defaultAuthorities(processEnv: Variables): Promise<readonly string[]> {
  if (getCACertificates !== undefined) return getCACertificates("default");
  return [...tls.rootCertificates, ...(await readIfUsable(processEnv["NODE_EXTRA_CA_CERTS"]))];
}

/** Returns the same list until `tls.setDefaultCACertificates` changes what Node trusts by default. */
export function currentAuthorities(): readonly string[] {
  return getCACertificates?.("default") ?? tls.rootCertificates;
}

/**
 * Returns how the certificates that Node trusts differ from its bundled roots: the added ones without white space, and
 * a marker if roots are missing. Empty if nothing is configured, on every version of Node.
 */
export async function addedAuthorities(processEnv: Variables): Promise<readonly string[]> {
  return [
    ...differences(await defaultAuthorities(processEnv), tls.rootCertificates),
    ...(usesOpenSslStore(processEnv) ? ["openssl", ...(await openSslStore(processEnv))] : []),
  ];
}

function differences(trusted: readonly string[], roots: readonly string[]): readonly string[] {
  // Almost always the same strings. To compare them without white space takes milliseconds.
  if (trusted.length === roots.length && trusted.every((each, index) => each === roots[index])) return [];
  const compact = trusted.map(withoutSpaces);
  const added = new Set(compact);
  // Removes every bundled root from the set, so it must not stop at the first one that is missing.
  const hasAllRoots = roots.map((root) => added.delete(withoutSpaces(root))).every(Boolean);
  return hasAllRoots ? [...added] : ["these alone", ...compact];
}

/** Removes white space, because the same certificate may be wrapped differently. */
export function withoutSpaces(pem: string): string {
  return pem.replaceAll(/\s+/g, "");
}

/** Returns whether `--use-openssl-ca` is in effect. It is the default in the Node of some distributions. */
function usesOpenSslStore(processEnv: Variables): boolean {
  // Node also accepts underscores, a value, and quotes in NODE_OPTIONS.
  const flags = [...process.execArgv, ...(processEnv["NODE_OPTIONS"] ?? "").split(/\s+/)].map((flag) =>
    flag.replaceAll(/["']/g, "").replaceAll("_", "-").replace(/=.*/, ""),
  );
  if (flags.includes("--use-bundled-ca")) return false;
  if (flags.includes("--use-openssl-ca")) return true;
  return usesOpenSslByDefault();
}

/**
 * Reads the certificates that the variables of OpenSSL name. Its default folders differ by machine and are not read.
 */
async function openSslStore(processEnv: Variables): Promise<readonly string[]> {
  const folder = processEnv["SSL_CERT_DIR"] ?? "";
  const names = folder === "" ? [] : await readdir(folder).catch(noneIfUnreadable);
  const files = [processEnv["SSL_CERT_FILE"], ...names.map((name) => join(folder, name))];
  return (await Promise.all(files.map(readIfUsable))).flat().map(withoutSpaces);
}

/** Reads the certificates in a file; none if the file cannot be used. Node warns about such a file and continues. */
async function readIfUsable(file: string | undefined): Promise<readonly string[]> {
  return file === undefined || file === "" ? [] : await readAuthoritiesFile(file).catch(noneIfUnreadable);
}

/**
 * Returns whether Node uses the file that NODE_EXTRA_CA_CERTS names, or why not. Node reads the variable once, when the
 * process starts, so one that is only in `env`, which a caller or an env file sets, has no effect.
 */
export async function extraAuthorities(env: Variables, processEnv: Variables): Promise<ExtraAuthorities> {
  const name = "NODE_EXTRA_CA_CERTS";
  const file = processEnv[name] || undefined;
  if (file === undefined) return env[name] ? "too_late" : "unset";
  let text: string;
  try {
    const handle = await openToRead(file);
    try {
      if (!(await handle.stat()).isFile()) return "unreadable";
      text = (await readAtMost(handle, maxBytes)).toString("latin1");
    } finally {
      await handle.close();
    }
  } catch (error) {
    ignoreSystemError(error);
    return hasErrorCode(error, "ENOENT", "ENOTDIR") ? "missing" : "unreadable";
  }
  if (!text.includes("-----BEGIN CERTIFICATE-----")) return "no_certificate";
  return getCACertificates?.("extra").length === 0 ? "too_late" : "read";
}

function noneIfUnreadable(error: unknown): readonly string[] {
  if (!(error instanceof McpAuthError)) ignoreSystemError(error);
  return [];
}

async function readAuthoritiesFile(file: string, allow?: AllowRules): Promise<readonly string[]> {
  const refuse = (why: string): McpAuthError =>
    new McpAuthError("config_invalid", `The file ${printable(file)}, named in "network.ca", ${why}`);
  const bytes = await read(file, allow, refuse);
  const found = bytes.toString("utf8").match(certificates) ?? [];
  const damaged = found.findIndex((pem) => !isCertificate(pem));
  if (found.length > 0 && damaged === -1) return found;
  const { certificatesInOtherShapes, remedyFor } = await import("./certificates-in.js");
  const others = certificatesInOtherShapes(bytes);
  if (others.length > 0 && others.length >= found.length) return others;
  throw refuse(
    found.length === 0
      ? `holds no certificate in PEM (-----BEGIN CERTIFICATE-----) or DER. ${remedyFor(bytes, file)}`
      : `is damaged: its certificate number ${damaged + 1} cannot be read. Replace it.`,
  );
}

async function read(
  file: string,
  allow: AllowRules | undefined,
  refuse: (why: string) => McpAuthError,
): Promise<Buffer> {
  const notAllowed = () =>
    refuse("may not be read, because `allow.files` does not include it. Add it there, or name another file.");
  if ((await allow?.file(file)) === false) throw notAllowed();
  let handle: FileHandle | undefined;
  try {
    // The checks are about the open file, because another file may take its place at any time.
    handle = await openToRead(file);
    const stats = await handle.stat({ bigint: true });
    if ((await allow?.file(file, stats)) === false) throw notAllowed();
    if (!stats.isFile()) throw refuse(notRegular);
    const bytes = await readAtMost(handle, maxBytes + 1);
    if (bytes.length > maxBytes)
      throw refuse("is larger than 4 MiB. Name a file that has only the certificates to trust.");
    return bytes;
  } catch (error) {
    if (error instanceof McpAuthError || isProgrammingError(error)) throw error;
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR")
      throw refuse('does not exist. Correct the path, create the file, or remove "ca".');
    if (code === "EACCES" || code === "EPERM")
      throw refuse("may not be read by this process. Give its user read access.");
    // The path names a socket.
    if (code === "ENXIO") throw refuse(notRegular);
    throw refuse("cannot be read. Check it, or name another file.");
  } finally {
    await handle?.close().catch(ignoreSystemError);
  }
}

/** Says what to do with a file that has no certificate in PEM, by what else it is. */
function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch (error) {
    // Errors of OpenSSL have a code.
    if (errorCode(error) === undefined) throw error;
    return false;
  }
}
