import type { GrantSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { identityClaims } from "../lib/jwt-identity.js";
import { Secret } from "../lib/secret.js";
import { misuse } from "./check-options.js";

/** A user for whom tokens are requested. */
export interface RuntimeSubject {
  /**
   * Identifies the user in the cache: the same key gets the same tokens, unless `subjectToken` is a JWT of another
   * party. It is not sent to any server.
   */
  readonly key: string;
  /**
   * The user's token (the `subject_token` of RFC 8693, or the `assertion` of RFC 7523), or a function that returns it.
   * The function is called for each token request.
   */
  readonly subjectToken: string | (() => string | Promise<string>);
}

/** Whether the code passes the subject of a grant, with `for()`. */
export function hasRuntimeSubject(grant: GrantSpec): boolean {
  switch (grant.type) {
    case "jwt_bearer":
      return grant.assertion.kind === "runtime";
    case "token_exchange":
      return grant.subject !== undefined && "runtime" in grant.subject.token;
    case "enterprise_managed":
      return "runtime" in grant.idp.subject.token;
    default:
      return false;
  }
}

/** Returns the error `config_invalid` for a grant that takes no subject at run time, else `undefined`. */
export function unexpectedSubject(server: string, grant: GrantSpec): McpAuthError | undefined {
  if (hasRuntimeSubject(grant)) return undefined;
  return new McpAuthError(
    "config_invalid",
    `Server "${server}": its tokens are not for a user, so for() cannot be used. To get tokens for users, use the ` +
      'grant token_exchange or enterprise_managed with the subject { "token": { "runtime": true } }, or jwt_bearer with ' +
      'the assertion { "runtime": true }.',
    { server },
  );
}

/** Throws `config_invalid` for a grant that takes no subject at run time, and for a value that is not a subject. */
export function assertSubject(server: string, grant: GrantSpec, subject: RuntimeSubject): void {
  const unexpected = unexpectedSubject(server, grant);
  if (unexpected !== undefined) throw unexpected;
  // JavaScript can pass any value.
  const { key, subjectToken }: Partial<RuntimeSubject> = subject ?? {};
  assertSubjectKey(server, key);
  if (typeof subjectToken !== "string" && typeof subjectToken !== "function") {
    throw misuse("the `subjectToken` of a subject must be a string or a function that returns one.", server);
  }
}

/** Throws `config_invalid` for a value that is not the key of a subject. */
export function assertSubjectKey(server: string, key: unknown): void {
  if (typeof key !== "string" || key === "")
    throw misuse("the `key` of a subject must be a string that is not empty.", server);
}

/** Returns the error of every call of a manager whose user was forgotten. */
export function forgottenSubject(server: string): McpAuthError {
  return new McpAuthError(
    "secret_unavailable",
    `Server "${server}": the tokens of this user were dropped with forget(). If the user has signed in again, call ` +
      "for() with the new token, and use the manager that it returns.",
    { server },
  );
}

/**
 * Reads the subject token. Rejects with `secret_unavailable`, without the error of the function, which may contain the
 * token.
 */
export async function runtimeSubjectToken(server: string, subject: RuntimeSubject): Promise<Secret> {
  const { subjectToken } = subject;
  let token: unknown;
  try {
    token = typeof subjectToken === "string" ? subjectToken : await subjectToken();
  } catch {
    throw unavailable(server, "the function `subjectToken` threw");
  }
  if (typeof token !== "string" || token === "")
    throw unavailable(server, "`subjectToken` is not a string, or is empty");
  return new Secret(token);
}

function unavailable(server: string, problem: string): McpAuthError {
  return new McpAuthError(
    "secret_unavailable",
    `Server "${server}": could not read the subject token: ${problem}. Pass the user's token to for().`,
    { server },
  );
}

/** More users than are active at once. Beyond that, the least recently used one is dropped. */
const maxSubjects = 1_000;

interface SubjectEntry<M> {
  readonly id: string;
  readonly manager: M;
  /** The subject of the last call. */
  subject: RuntimeSubject;
}

interface DroppedManager<M extends object> {
  readonly key: string;
  readonly reference: WeakRef<M>;
}

/**
 * Returns what tells the users apart: the key, and the party of a JWT, so that a key that two users share by mistake
 * never gets one of them the tokens of the other. The party of any other token, and of what a function returns, is not
 * known.
 */
function idOf({ key, subjectToken }: RuntimeSubject): string {
  const party = typeof subjectToken === "string" ? identityClaims(subjectToken) : undefined;
  return JSON.stringify([key, party ?? null]);
}

/** Keeps one manager for each user, until it is dropped. */
export class Subjects<M extends object> {
  readonly #managers = new Map<string, SubjectEntry<M>>();
  /** The entry of the last call with each key, so that the JWT of a further call with the same token is not parsed. */
  readonly #latest = new Map<string, SubjectEntry<M>>();
  /** Dropped managers that the host may still use. */
  readonly #dropped = new Set<DroppedManager<M>>();
  /** Number of dropped managers at which the references to collected ones are removed. */
  #sweepAt = maxSubjects;

  /**
   * Returns the manager of a user. `create` gets a function that returns the subject of the last call. `onNewToken` is
   * called if the token differs from that of the previous call; the token that a function would return is not known.
   */
  get(
    { key, subjectToken }: RuntimeSubject,
    create: (latest: () => RuntimeSubject) => M,
    onNewToken?: (manager: M) => void,
  ): M {
    // A copy, because the caller may change its object.
    const subject = { key, subjectToken };
    const latest = this.#latest.get(key);
    const isSameToken = latest !== undefined && latest.subject.subjectToken === subjectToken;
    const id = isSameToken ? latest.id : idOf(subject);
    const known = this.#managers.get(id);
    this.#managers.delete(id);
    if (known !== undefined) {
      this.#latest.set(key, known);
      const previousToken = known.subject.subjectToken;
      known.subject = subject;
      this.#managers.set(id, known);
      if (typeof subjectToken === "string" && subjectToken !== previousToken) onNewToken?.(known.manager);
      return known.manager;
    }
    const entry: SubjectEntry<M> = { id, subject, manager: create(() => entry.subject) };
    this.#managers.set(id, entry);
    this.#latest.set(key, entry);
    const [oldest] = this.#managers.values();
    if (this.#managers.size > maxSubjects && oldest !== undefined) this.#drop(oldest);
    return entry.manager;
  }

  /** Returns all managers that may still be in use. */
  all(): readonly M[] {
    const dropped = [...this.#dropped].flatMap(({ reference }) => reference.deref() ?? []);
    return [...[...this.#managers.values()].map(({ manager }) => manager), ...dropped];
  }

  /** Removes the managers of a key, and returns those that may still be in use. */
  take(key: string): readonly M[] {
    const entries = [...this.#managers.values()].filter(({ subject }) => subject.key === key);
    for (const { id } of entries) this.#managers.delete(id);
    this.#latest.delete(key);
    const dropped = [...this.#dropped].filter((entry) => entry.key === key);
    for (const entry of dropped) this.#dropped.delete(entry);
    return [
      ...entries.map(({ manager }) => manager),
      ...dropped.flatMap(({ reference }) => reference.deref() ?? []),
    ];
  }

  #drop(entry: SubjectEntry<M>): void {
    const { id, manager, subject } = entry;
    this.#managers.delete(id);
    if (this.#latest.get(subject.key) === entry) this.#latest.delete(subject.key);
    this.#dropped.add({ key: subject.key, reference: new WeakRef(manager) });
    if (this.#dropped.size < this.#sweepAt) return;
    for (const dropped of this.#dropped)
      if (dropped.reference.deref() === undefined) this.#dropped.delete(dropped);
    // Not at every drop, because the loop visits all of them, and `deref` keeps a manager alive until the next turn.
    this.#sweepAt = Math.max(2 * this.#dropped.size, maxSubjects);
  }
}
