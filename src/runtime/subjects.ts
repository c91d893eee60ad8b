import type { GrantSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { Secret } from "../lib/secret.js";
import { misuse } from "./check-options.js";

/** A user on whose behalf tokens are asked for. */
export interface RuntimeSubject {
  /** Who it is, for the cache: the same key gets the same tokens. Not sent anywhere. */
  readonly key: string;
  /** The token that says so, or a function that is called for each request that needs it. */
  readonly subjectToken: string | (() => string | Promise<string>);
}

/** Whether the subject of a grant is given in code. */
export function hasRuntimeSubject(grant: GrantSpec): boolean {
  if (grant.type === "token_exchange") return "runtime" in grant.subject.token;
  return grant.type === "enterprise_managed" && "runtime" in grant.idp.subject.token;
}

/** Why there are no users to choose from: `config_invalid` where the grant takes no subject from code. */
export function subjectRefusal(server: string, grant: GrantSpec): McpAuthError | undefined {
  if (hasRuntimeSubject(grant)) return undefined;
  return new McpAuthError(
    "config_invalid",
    `Server "${server}": its tokens are for no user, so there is nothing to choose with for(). To have them for ` +
      'users, give the grant token_exchange or enterprise_managed the subject { "token": { "runtime": true } }.',
    { server },
  );
}

/** Throws `config_invalid` where the grant takes no subject from code, and for what is no subject. */
export function assertSubject(server: string, grant: GrantSpec, subject: RuntimeSubject): void {
  const refusal = subjectRefusal(server, grant);
  if (refusal !== undefined) throw refusal;
  // From JavaScript anything can come.
  const { key, subjectToken }: Partial<RuntimeSubject> = subject ?? {};
  if (typeof key !== "string" || key === "")
    throw misuse("the `key` of a subject is a string with content.", server);
  if (typeof subjectToken !== "string" && typeof subjectToken !== "function") {
    throw misuse("the `subjectToken` of a subject is a string or a function that gives one.", server);
  }
}

/** Rejects with `secret_unavailable`, without anything of what the function threw: it may carry the token. */
export async function runtimeSubjectToken(server: string, subject: RuntimeSubject): Promise<Secret> {
  const { subjectToken } = subject;
  let token: unknown;
  try {
    token = typeof subjectToken === "string" ? subjectToken : await subjectToken();
  } catch {
    throw unavailable(server, "the function `subjectToken` threw");
  }
  if (typeof token !== "string" || token === "")
    throw unavailable(server, "`subjectToken` is no string with content");
  return new Secret(token);
}

function unavailable(server: string, problem: string): McpAuthError {
  return new McpAuthError(
    "secret_unavailable",
    `Server "${server}": there is no subject token: ${problem}. Pass the user's token to for().`,
    { server },
  );
}

/** More users than are active at once; the one seen longest ago makes room. */
const mostSubjects = 1_000;

interface Known<M> {
  readonly manager: M;
  /** Of the latest call. */
  subject: RuntimeSubject;
}

/** What there is for each user, the same as long as it is not forgotten. */
export class Subjects<M extends object> {
  readonly #managers = new Map<string, Known<M>>();
  /** Forgotten here, but perhaps not by those who have them. */
  readonly #forgotten = new Set<WeakRef<M>>();
  /** How many there may be before those that are gone are cleared away. */
  #sweepAt = mostSubjects;

  /**
   * The one of this user; `create` gets a function that gives the subject of the latest call. `renewed` is called when
   * that has another token than the call before; what a function would give is not known.
   */
  get(
    { key, subjectToken }: RuntimeSubject,
    create: (latest: () => RuntimeSubject) => M,
    renewed?: (manager: M) => void,
  ): M {
    // The object is the caller's, who may use it again for another user.
    const subject = { key, subjectToken };
    const known = this.#managers.get(key);
    this.#managers.delete(key);
    if (known !== undefined) {
      const before = known.subject.subjectToken;
      known.subject = subject;
      this.#managers.set(key, known);
      if (typeof subjectToken === "string" && subjectToken !== before) renewed?.(known.manager);
      return known.manager;
    }
    const entry: Known<M> = { subject, manager: create(() => entry.subject) };
    this.#managers.set(key, entry);
    const [oldest] = this.#managers;
    if (this.#managers.size > mostSubjects && oldest !== undefined) this.#forget(...oldest);
    return entry.manager;
  }

  /** All that may still be in use. */
  all(): readonly M[] {
    const forgotten = [...this.#forgotten].flatMap((reference) => reference.deref() ?? []);
    return [...[...this.#managers.values()].map(({ manager }) => manager), ...forgotten];
  }

  #forget(key: string, { manager }: Known<M>): void {
    this.#managers.delete(key);
    this.#forgotten.add(new WeakRef(manager));
    if (this.#forgotten.size < this.#sweepAt) return;
    for (const reference of this.#forgotten)
      if (reference.deref() === undefined) this.#forgotten.delete(reference);
    // To look at them all each time would take ever longer, and whom one looks at the collector has to leave.
    this.#sweepAt = Math.max(2 * this.#forgotten.size, mostSubjects);
  }
}
