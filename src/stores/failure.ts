import { McpAuthError } from "../errors/error.js";
import { errorNotes } from "../errors/error-mark.js";
import { printable } from "../lib/printable.js";

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

/** Why a store could not be used, in words of ours: nothing of what a library or a server said but a known code. */
export interface StoreFailure {
  readonly kind: StoreFailureKind;
  /** What failed, where, why and what to do, without whose it is; begins with a small letter. */
  readonly message: string;
}

interface Cause {
  readonly kind: StoreFailureKind;
  readonly codes: readonly string[];
  readonly what: string;
  readonly remedy: string;
}

const reach = "Check its address, and that it runs and may be reached from here.";

/** By codes of the system, and by the first words of Redis' errors. */
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
    remedy: "Raise its limit on the size of files.",
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
    remedy: "Make it writable, or name another place.",
  },
  {
    kind: "read_only",
    codes: ["READONLY"],
    what: "it is a replica, which takes no writes",
    remedy: "Name the primary server.",
  },
  {
    kind: "not_permitted",
    codes: ["EACCES", "EPERM"],
    what: "this process may not use it",
    remedy: "Give its user the right to read and write there.",
  },
  {
    kind: "not_permitted",
    codes: ["NOPERM"],
    what: "its Redis user may not do that",
    remedy: "Give that user the commands and keys that docs/store.md lists.",
  },
  {
    kind: "wrong_place",
    codes: ["ENOTDIR", "EISDIR", "EEXIST", "ENOTEMPTY"],
    what: "something else is in the place of a folder or file of the store",
    remedy: "Move it away, or name another place.",
  },
  {
    kind: "wrong_place",
    codes: ["ELOOP", "ENAMETOOLONG"],
    what: "its path leads nowhere",
    remedy: "Name another place.",
  },
  {
    kind: "wrong_place",
    codes: ["MOVED", "CROSSSLOT"],
    what: "it is part of a cluster",
    remedy: 'Name the other nodes in "cluster".',
  },
  {
    kind: "refused",
    codes: ["WRONGPASS", "NOAUTH"],
    what: "Redis refuses its user or password",
    remedy: 'Check those in the "url" of the store.',
  },
  {
    kind: "not_ready",
    codes: ["LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "NOREPLICAS"],
    what: "Redis is not ready",
    remedy: "Try again in a moment, and see how it is if that lasts.",
  },
  {
    kind: "broken",
    codes: ["MISCONF"],
    what: "Redis cannot write to its disk",
    remedy: "See its log.",
  },
  { kind: "broken", codes: ["EIO"], what: "the disk fails", remedy: "See the log of the system." },
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
    remedy: reach,
  },
  { kind: "timeout", codes: ["ETIMEDOUT"], what: "it does not answer in time", remedy: reach },
];

const redisCodes = causes.flatMap(({ codes }) => codes.filter((code) => !/^E[A-Z_]+$/.test(code)));
// A script puts its own words around what a command said.
const redisCode = new RegExp(`(?:^|[\\s:-])(${redisCodes.join("|")})\\b`);

// OpenSSL's verification results by name, and Node's own codes for a handshake.
const tlsCode =
  /^(?:CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|HOSTNAME_MISMATCH)/;

const failures = errorNotes<StoreFailure>();

/** Returns why the store could not be used; `undefined` for an error that does not say. */
export const storeFailureIn = failures.of;

/** Something that this package did not make is in the way. The message is the middle of a sentence, and is shown to users. */
export class NotOurs extends Error {}

/** What a store is, as far as messages tell. */
export interface StorePlace {
  /** Where it is, such as its folder; `undefined` where that is not to be shown, or not known yet. */
  readonly place: string | undefined;
  /** Only of Redis the text of an error is read, for the code that a reply begins with. */
  readonly isRedis: boolean;
}

/** What the error of a store tells, by its codes alone; `undefined` where it has none that is known. */
export function storeFailure(error: unknown, { place, isRedis }: StorePlace): StoreFailure | undefined {
  if (error instanceof NotOurs) {
    const remedy = 'Name a folder of its own in "path", or remove what is in the way.';
    return described("not_ours", place, error.message, remedy);
  }
  for (const code of codesIn(error, isRedis)) {
    const cause = causes.find(({ codes }) => codes.includes(code));
    if (cause !== undefined) return described(cause.kind, place, `${cause.what} (${code})`, cause.remedy);
    if (tlsCode.test(code)) {
      const remedy =
        'Check its certificate; an authority of your own can be trusted with "ca" under "network".';
      return described("not_trusted", place, `there is no trusted TLS connection to it (${code})`, remedy);
    }
  }
  return undefined;
}

/** That of an operation which took too long. */
export function storeTooSlow(place: string | undefined): StoreFailure {
  return described("timeout", place, "it does not answer in time", reach);
}

export function storeUnavailable(server?: string, failure?: StoreFailure): McpAuthError {
  const message =
    failure?.message ??
    "the store of the config cannot be used at the moment. See that it runs, and that this process may reach it, read and write there.";
  const error = new McpAuthError(
    "store_unavailable",
    server === undefined
      ? `${message.charAt(0).toUpperCase()}${message.slice(1)}`
      : `Server "${server}": ${message}`,
    { server, retryable: true },
  );
  return failure === undefined ? error : failures.add(error, failure);
}

function described(
  kind: StoreFailureKind,
  place: string | undefined,
  what: string,
  remedy: string,
): StoreFailure {
  const where = place === undefined ? "" : `, ${printable(place)},`;
  return { kind, message: `the store of the config${where} cannot be used: ${what}. ${remedy}` };
}

/** Codes of an error and of what is under it: of several addresses that were tried each has one. */
function codesIn(error: unknown, isRedis: boolean, depth = 0): readonly string[] {
  if (depth > 3 || !(error instanceof Error)) return [];
  const codes: string[] = [];
  if ("code" in error && typeof error.code === "string" && /^[A-Z][A-Z0-9_]{1,63}$/.test(error.code)) {
    codes.push(error.code);
  }
  const reply = error.message.slice(0, 1_000);
  const [, named] = (isRedis && redisCode.exec(reply)) || [];
  if (named !== undefined) codes.push(named);
  // Within a script Redis 7 says the same with another code.
  if (isRedis && reply.includes("The user executing the script can't")) codes.push("NOPERM");
  if (error instanceof AggregateError) {
    for (const inner of error.errors.slice(0, 8)) codes.push(...codesIn(inner, isRedis, depth + 1));
  }
  codes.push(...codesIn(error.cause, isRedis, depth + 1));
  return codes;
}
