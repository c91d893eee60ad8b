import { X509Certificate } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import * as tls from "node:tls";
import { McpAuthError } from "../errors/error.js";
import { printable } from "../lib/printable.js";
import { readAtMost } from "../lib/read-at-most.js";

/** 4 MiB: the roots of a whole operating system are a few hundred KiB. */
const maxBytes = 4_194_304;

const certificates = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The certificates to trust, in PEM: those that Node trusts by itself, `NODE_EXTRA_CA_CERTS` among them, and those of
 * the files. Rejects with `config_invalid`, naming the file, when one cannot be read or is not a list of certificates.
 */
export async function trustedAuthorities(
  files: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly string[]> {
  const own = await Promise.all(files.map(readAuthorities));
  return [...(await usualAuthorities(env)), ...own.flat()];
}

async function usualAuthorities(
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly string[]> {
  // From Node 22.15 on, which the types do not know of; it also takes --use-system-ca into account.
  const { getCACertificates } = tls as { getCACertificates?: (type: "default") => readonly string[] };
  if (getCACertificates !== undefined) return getCACertificates("default");
  const extra = env["NODE_EXTRA_CA_CERTS"];
  if (extra === undefined || extra === "") return tls.rootCertificates;
  try {
    return [...tls.rootCertificates, ...(await readAuthorities(extra))];
  } catch {
    // Node warns of it at its start and goes on.
    return tls.rootCertificates;
  }
}

async function readAuthorities(file: string): Promise<readonly string[]> {
  const refuse = (why: string): McpAuthError =>
    new McpAuthError("config_invalid", `The file ${printable(file)}, named in "network.ca", ${why}`);
  const text = await read(file, refuse);
  const found = text.match(certificates) ?? [];
  if (found.length === 0) {
    throw refuse("holds no certificate in PEM (-----BEGIN CERTIFICATE-----). Convert it, or name another.");
  }
  for (const [index, pem] of found.entries()) {
    if (!isCertificate(pem)) throw refuse(`is damaged: its certificate number ${index + 1} cannot be read.`);
  }
  return found;
}

async function read(file: string, refuse: (why: string) => McpAuthError): Promise<string> {
  let handle: FileHandle | undefined;
  try {
    // Another file may take its place at any time, so the open one is checked. Without O_NONBLOCK, opening a FIFO waits
    // for somebody to write to it. Windows has no such flag.
    handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    if (!(await handle.stat()).isFile()) throw refuse("is not a regular file.");
    const bytes = await readAtMost(handle, maxBytes + 1);
    if (bytes.length > maxBytes) throw refuse("is larger than 4 MiB.");
    return bytes.toString("utf8");
  } catch (error) {
    if (error instanceof McpAuthError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
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
