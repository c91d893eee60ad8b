import { lstat, mkdir, realpath, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { dirname } from "node:path";
import { McpAuthError } from "../errors/error.js";
import { hasErrorCode, systemErrorCode } from "../errors/expected-errors.js";
import { printable } from "../lib/printable.js";
import { findFolderProblem } from "../lib/usable-folder.js";
import { NotOurs } from "../stores/failure.js";
import { secureStoreFolder } from "../stores/secure-folder.js";
import { keepListening } from "./tcp.js";

/** Bytes of the longest path of a socket: Linux accepts 107, macOS 103. */
const longestPath = 103;

/**
 * Prepares the place of a unix socket: a folder with mode 0700 that belongs to us, and no socket. It removes a socket
 * there only if it is ours and nothing listens on it. Throws `config_invalid`.
 */
export async function prepareSocketPath(path: string): Promise<void> {
  assertPossiblePath(path);
  await inFolderOf(path, async (folder) => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await assertPrivateFolder(path);
  });
  if (!(await hasOwnSocket(path))) return;
  if (await isListening(path)) {
    throw unusable(
      path,
      "another program listens on it, perhaps this proxy: stop that program, or choose another path",
    );
  }
  await unlink(path).catch(ifMissing(path));
}

/**
 * Checks that the proxy could listen on a unix socket at this path, and changes nothing. A proxy may be listening there
 * already. Throws `config_invalid`.
 */
export async function checkSocketPath(path: string): Promise<void> {
  assertPossiblePath(path);
  await inFolderOf(path, async (folder) => {
    const problem = await findFolderProblem(folder);
    if (problem !== undefined) throw problem.error;
    if ((await lstat(folder).catch(ifMissing(path))) !== undefined) await assertPrivateFolder(path);
  });
  await hasOwnSocket(path);
}

function assertPossiblePath(path: string): void {
  if (process.platform === "win32") {
    throw unusable(path, "this system has no unix sockets: use --listen");
  }
  if (Buffer.byteLength(path) > longestPath) {
    throw unusable(path, `a path of a socket may have at most ${longestPath} bytes: choose a shorter one`);
  }
}

/** Whether a socket of ours is there. Throws if something else is. */
async function hasOwnSocket(path: string): Promise<boolean> {
  const found = await lstat(path).catch(ifMissing(path));
  if (found === undefined) return false;
  if (!found.isSocket()) throw unusable(path, "there is a file of another kind: choose another path");
  if (found.uid !== process.geteuid?.())
    throw unusable(path, "it belongs to another user: choose another path");
  return true;
}

/** Runs `work` on the folder of a socket, and explains why the folder cannot be used. */
async function inFolderOf(path: string, work: (folder: string) => Promise<void>): Promise<void> {
  try {
    await work(dirname(path));
  } catch (error) {
    if (error instanceof NotOurs) throw unusable(path, `its folder is not safe (${error.message})`);
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw unusable(path, `its folder cannot be used (${code})`);
  }
}

async function assertPrivateFolder(path: string): Promise<void> {
  const folder = dirname(path);
  const { uid, mode } = await lstat(folder);
  if (uid !== process.geteuid?.() || (mode & 0o077) !== 0) {
    throw unusable(
      path,
      `others can reach into its folder: choose a folder of your own, and run chmod 700 ${printable(folder)}`,
    );
  }
  // Checks the symbolic links on the path.
  await secureStoreFolder(folder);
  if (await canBeReplaced(folder)) throw new NotOurs("another user can replace it");
}

/** Whether another user could put a folder of theirs in place of this one, or of one above it. */
async function canBeReplaced(folder: string): Promise<boolean> {
  for (let path = await realpath(folder); dirname(path) !== path; path = dirname(path)) {
    const { uid, mode } = await lstat(dirname(path));
    const isOfOthers = uid !== 0 && uid !== process.geteuid?.();
    // In a sticky folder, such as /tmp, users can replace only their own files.
    if (isOfOthers || ((mode & 0o002) !== 0 && (mode & 0o1000) === 0)) return true;
  }
  return false;
}

function ifMissing(path: string): (error: unknown) => undefined {
  return (error) => {
    if (hasErrorCode(error, "ENOENT")) return undefined;
    throw unusable(path, `it cannot be used (${systemErrorCode(error) ?? "unknown error"})`);
  };
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // Only a refused connection shows that nothing listens there.
    socket.once("error", (error) => resolve(!hasErrorCode(error, "ECONNREFUSED", "ENOENT")));
  });
}

function unusable(path: string, problem: string): McpAuthError {
  return new McpAuthError("config_invalid", `The socket ${printable(path)} cannot be used: ${problem}.`);
}

/** Makes a server listen on a unix socket that only our user can open. */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  await prepareSocketPath(path);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      reject(unusable(path, `nothing can listen there (${systemErrorCode(error) ?? error.name})`));
    });
    // The system creates the socket during the call. A worker thread cannot change the mask, and does not need to: the
    // folder is closed.
    const mask = canSetMask ? process.umask(0o177) : undefined;
    try {
      server.listen(path, resolve);
    } finally {
      if (mask !== undefined) process.umask(mask);
    }
  });
  keepListening(server);
}

const canSetMask = process.getBuiltinModule("node:worker_threads").isMainThread;
