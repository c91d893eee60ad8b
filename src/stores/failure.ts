import { McpAuthError } from "../errors/error.js";
import { errorNotes } from "../errors/error-notes.js";
import { capitalized, printable } from "../lib/printable.js";
import { isTlsErrorCode } from "../lib/tls.js";
import { pathInTheWay } from "./path-in-the-way.js";

export type StoreFailureKind =
  | "full"
  | "read_only"
  | "not_permitted"
  | "not_ours"
  | "wrong_place"
  | "refused"
  | "unreachable"
  | "not_trusted"
  | "not_ready"
  | "timeout"
  | "broken";

/** Why a store could not be used, in our own words. Only known codes of libraries and servers are shown. */
export interface StoreFailure {
  readonly kind: StoreFailureKind;
  /** What failed, where, why and what to do, without the name of a server. Begins with a lower-case letter. */
  readonly message: string;
}

interface Cause {
  readonly kind: StoreFailureKind;
  readonly codes: readonly string[];
  readonly what: string;
  readonly remedy: string;
}

const checkReach = "Check its address, and that it is running and can be reached from here.";

/** Known causes, by error codes of the operating system and by the codes at the beginning of Redis errors. */
const causes: readonly Cause[] = [
  { kind: "full", codes: ["ENOSPC"], what: "no space is left", remedy: "Make room there." },
  {
    kind: "full",
    codes: ["EDQUOT"],
    what: "the quota is used up",
    remedy: "Make room there, or raise the quota.",
  },
  {
    kind: "full",
    codes: ["EFBIG"],
    what: "this process may not write a file of that size",
    remedy: "Raise its limit for the size of a file (ulimit -f).",
  },
  {
    kind: "full",
    codes: ["OOM"],
    what: "Redis has no memory left",
    remedy: "Make room there, or raise maxmemory.",
  },
  {
    kind: "read_only",
    codes: ["EROFS"],
    what: "it is read-only",
    remedy: "Make it writable, or configure another place.",
  },
  {
    kind: "read_only",
    codes: ["READONLY"],
    what: "it is a replica, which accepts no writes",
    remedy: "Configure the primary server.",
  },
  {
    kind: "not_permitted",
    codes: ["EACCES", "EPERM"],
    what: "this process has no permission to use it",
    remedy: "Give its user read and write access there.",
  },
  {
    kind: "not_permitted",
    codes: ["NOPERM"],
    what: "the Redis user has no permission for a command or key",
    remedy: "Give that user the commands and keys that docs/store.md lists.",
  },
  {
    kind: "wrong_place",
    codes: ["ENOTDIR", "EISDIR", "EEXIST", "ENOTEMPTY"],
    what: "something else is in the place of a folder or file of the store",
    remedy: "Move it away, or configure another place.",
  },
  {
    kind: "wrong_place",
    codes: ["ELOOP", "ENAMETOOLONG"],
    what: "its path is too long or has a loop of links",
    remedy: "Configure another place.",
  },
  {
    kind: "wrong_place",
    codes: ["MOVED", "CROSSSLOT"],
    what: "it is a node of a cluster",
    remedy: 'List the other nodes in "cluster".',
  },
  {
    kind: "refused",
    codes: ["WRONGPASS", "NOAUTH"],
    what: "Redis rejected the user or password",
    remedy: 'Check both in the "url" of the store.',
  },
  {
    kind: "not_ready",
    codes: ["LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS"],
    what: "Redis is not ready",
    remedy: "Try again in a moment. If it stays that way, look at the log of Redis.",
  },
  {
    kind: "broken",
    codes: ["MISCONF"],
    what: "Redis cannot write to its disk",
    remedy: "Look at the log of Redis.",
  },
  { kind: "broken", codes: ["EIO"], what: "the disk failed", remedy: "Look at the system log." },
  {
    kind: "broken",
    codes: ["EMFILE", "ENFILE"],
    what: "too many files are open",
    remedy: "Raise the limit on open files.",
  },
  {
    kind: "unreachable",
    codes: [
      ...["ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EPIPE", "ENOTFOUND", "EAI_AGAIN"],
      ...["EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL"],
    ],
    what: "it cannot be reached",
    remedy: checkReach,
  },
  { kind: "timeout", codes: ["ETIMEDOUT"], what: "it did not answer in time", remedy: checkReach },
];

const redisCodes = causes.flatMap(({ codes }) => codes.filter((code) => !/^E[A-Z_]+$/.test(code)));
// In an error within a script, the code is not the first word.
const redisCode = new RegExp(`(?:^|[\\s:-])(${redisCodes.join("|")})\\b`);

const failures = errorNotes<StoreFailure>();

/** Returns why the store could not be used; `undefined` for an error that does not say. */
export const storeFailureIn = failures.of;

/**
 * Something that this package did not create is in the way. Users see the message, as the middle of a sentence.
 */
export class NotOurs extends Error {}

/** Whose code the store is: ours for files, that of a library for Redis, else that of the user. */
export type StoreKind = "file" | "redis" | "custom";

/** What messages say about a store. */
export interface StorePlace {
  /** Where the store is, such as its folder; `undefined` if that must not be shown or is not known yet. */
  readonly place: string | undefined;
  /** The folder of a file store, if `place` says more than that. */
  readonly folder?: string;
  /** Only for Redis is the text of an error read, for the code that a reply begins with. */
  readonly kind: StoreKind;
}

/** Returns why a store failed, by the codes of its error; `undefined` if no code is known. */
export function storeFailure(error: unknown, where: StorePlace): StoreFailure | undefined {
  const { place, kind } = where;
  if (error instanceof NotOurs) {
    const remedy = 'Set "path" to a folder that nothing else uses, or remove what is in the way.';
    return failureOf("not_ours", place, error.message, remedy);
  }
  for (const code of codesIn(error, kind === "redis")) {
    const cause = causes.find(({ codes }) => codes.includes(code));
    if (cause !== undefined) {
      const what = (isInTheWay(code) ? inTheWay(where) : undefined) ?? cause.what;
      return failureOf(cause.kind, place, `${what} (${code})`, cause.remedy);
    }
    // A store may encrypt by itself, and then OpenSSL's codes are about that.
    if (isTlsErrorCode(code) && !code.startsWith("ERR_OSSL_")) {
      const remedy =
        'Check its certificate. To trust an authority of your own, name it in "ca" under "network".';
      return failureOf("not_trusted", place, `there is no trusted TLS connection to it (${code})`, remedy);
    }
  }
  return undefined;
}

/** Whether a code means that a file is where a folder should be. */
function isInTheWay(code: string): boolean {
  return code === "ENOTDIR" || code === "EEXIST";
}

/** Names what is in the place of the folder of a file store, or of one above it. */
function inTheWay({ place, folder = place, kind }: StorePlace): string | undefined {
  const path = kind === "file" && folder !== undefined ? pathInTheWay(folder) : undefined;
  return path === undefined ? undefined : `${printable(path)} is not a folder`;
}

/** Returns the failure of an operation that took too long. */
export function storeTooSlow(place: string | undefined): StoreFailure {
  return failureOf("timeout", place, "it did not answer in time", checkReach);
}

/** Returns the `store_unavailable` error for a failure; it is retryable. */
export function storeUnavailable(server?: string, failure?: StoreFailure): McpAuthError {
  const message =
    failure?.message ??
    "the store of the config cannot be used at the moment. Check that it is running, and that this process can reach it and " +
      "may read and write there.";
  const error = new McpAuthError(
    "store_unavailable",
    server === undefined ? capitalized(message) : `Server "${server}": ${message}`,
    { server, retryable: true },
  );
  return failure === undefined ? error : failures.add(error, failure);
}

function failureOf(
  kind: StoreFailureKind,
  place: string | undefined,
  what: string,
  remedy: string,
): StoreFailure {
  const where = place === undefined ? "" : `, ${printable(place)},`;
  return { kind, message: `the store of the config${where} cannot be used: ${what}. ${remedy}` };
}

/** Returns the codes of an error and of its causes. If several addresses were tried, each of them has an error. */
function codesIn(error: unknown, isRedis: boolean, depth = 0): readonly string[] {
  if (depth > 3 || !(error instanceof Error)) return [];
  const codes: string[] = [];
  if ("code" in error && typeof error.code === "string" && /^[A-Z][A-Z0-9_]{1,63}$/.test(error.code)) {
    codes.push(error.code);
  }
  const reply = error.message.slice(0, 1_000);
  const [, replyCode] = (isRedis && redisCode.exec(reply)) || [];
  if (replyCode !== undefined) codes.push(replyCode);
  // Redis 7 reports a missing permission within a script with another code.
  if (isRedis && reply.includes("The user executing the script can't")) codes.push("NOPERM");
  if (error instanceof AggregateError) {
    for (const inner of error.errors.slice(0, 8)) codes.push(...codesIn(inner, isRedis, depth + 1));
  }
  codes.push(...codesIn(error.cause, isRedis, depth + 1));
  return codes;
}
