import { McpAuthError } from "../../../../src/errors/error.js";
import { createAuthorizedFetch } from "../../../../src/http/authorized-fetch.js";
import type { FetchFunction } from "../../../../src/net/bounded-fetch.js";
import { RenewalTimers } from "../../../../src/schedule/renewal-timers.js";
import type { TokenCache } from "../../../../src/tokens/cache.js";
import { ReplacementWithheld } from "../../../../src/tokens/cache-errors.js";
import { grantSource } from "../../../../src/tokens/grant-source.js";
import type { AfterRefusal, RefusedCall } from "../../../../src/tokens/refused-tokens.js";
import type { TokenSource } from "../../../../src/tokens/source.js";
import type { Token } from "../../../../src/tokens/token.js";
import { storedCache } from "../../sharing/stored-cache.js";
import { issuer, prepared, second, server } from "../fixtures.js";
import { holdLength, knownAfter, type Rule, Suspects } from "./rule.js";
import type { World } from "./world.js";

type Outcome = Token | "failed" | "withheld";

/** One process: the code as the runtime connects it, and the rule, which is updated with each event. */
export class Process {
  readonly cache: TokenCache;
  readonly fetch: FetchFunction;
  readonly suspects = new Suspects();
  /** The latest expiry of all tokens that arrived. */
  hasTokenUntil = Number.NEGATIVE_INFINITY;
  session: string | undefined;
  readonly #world: World;
  readonly #rule: Rule;
  readonly #timers: RenewalTimers;
  readonly #stopCache: () => Promise<void>;
  readonly #name: string;
  /** The outcomes of all token requests. */
  readonly #outcomes: Promise<Outcome>[] = [];
  /** Whether the token request in flight was begun for a suspect. */
  #isHeld = false;
  #isObserving = false;

  constructor(world: World, name: string, rule: Rule) {
    this.#world = world;
    this.#name = name;
    this.#rule = rule;
    const { clock, circumstances } = world;
    const common = { server, issuer, clock, report: () => {} };
    const grantTokens = grantSource(prepared(world.tokenServer.grant), {
      ...common,
      assumedLifetime: 300 * second,
    });
    const { cache, stop } = storedCache({
      clock,
      store: circumstances.store === "none" ? undefined : world.store(),
      isStored: circumstances.store === "shared",
      attempt: this.#counted(grantTokens),
      around: (source) => this.#acquired(source),
      onPlan: (nextRefreshAt) => this.#timers.plan(nextRefreshAt),
    });
    this.cache = cache;
    this.#stopCache = stop;
    this.#timers = new RenewalTimers({
      ...{ clock, automatic: true, idle: 1_800 * second, spread: 0, cron: undefined },
      ensureUsableUntil: (time, reason) => this.cache.ensureUsableUntil(time, reason),
    });
    this.fetch = this.#authorizedFetch();
  }

  async stop(): Promise<void> {
    this.#timers.stop();
    await this.#stopCache();
  }

  changeCredential(): void {
    this.cache.credentialChanged();
    this.suspects.certain.clear();
    this.suspects.failures = 0;
    this.#rule.reset();
  }

  #authorizedFetch(): FetchFunction {
    const { cache } = this;
    return createAuthorizedFetch({
      name: server,
      url: new URL("https://mcp.example/mcp"),
      reach: "origin",
      fetch: (input, init) => this.#world.receive(this, input, init),
      headers: () => undefined,
      token: async (signal) => {
        this.#timers.noteUse(this.#world.clock.now());
        const fresh = cache.peek(this.#world.clock.now());
        return fresh ?? (await cache.getToken({ reason: "demand", signal, anyUnexpired: true }));
      },
      noteAccepted: (kind) => this.#accepted(kind),
      noteChallenge: () => {},
      replace: (call) => this.#replace(call),
      replaceForOthers: (call) => {
        this.#observe(call, () => cache.refused.replaceForOthers(call));
      },
      explainRefusal: async () => {},
      pending: () => cache.pending,
    });
  }

  #accepted(kind: () => string): void {
    const { refused } = this.cache;
    if (refused.hasSuspects) refused.accepted(kind());
    if (this.suspects.certain.size > 0) this.suspects.certain.delete(kind());
  }

  /** Compares the effect of a refusal with the rule. */
  #observe<T>(call: RefusedCall, replace: () => T): T {
    const { clock, circumstances } = this.#world;
    const now = clock.now();
    const { cache, suspects } = this;
    const wasBusy = cache.isRequesting;
    const { state } = cache.snapshot();
    const isUp = state !== "cooldown" && state !== "stopped";
    const isCurrent = cache.latest?.accessToken === call.token.accessToken;
    const isHeld = suspects.has(call.kind);
    const allowed = this.#rule.allows(suspects, now, call.kind);
    this.#isObserving = true;
    const result = replace();
    this.#isObserving = false;
    const begun = !wasBusy && cache.isRequesting;
    if (begun) {
      this.#isHeld = isHeld;
      if (circumstances.store !== "shared") this.#rule.requested(now, isHeld);
    }
    if (!isUp || !isCurrent || wasBusy || begun === allowed) return result;
    const what = isHeld ? "a suspect" : "a kind that is not a suspect";
    if (circumstances.store !== "shared") {
      this.#world.reportViolation(`${begun ? "a" : "no"} token request for ${what}, against the rule`);
    } else if (!begun && (!isHeld || now >= this.#rule.heldAt + holdLength(suspects.failures) + knownAfter)) {
      this.#world.reportViolation(`no token request for ${what}, which the rule allows`);
    }
    return result;
  }

  async #replace(refused: RefusedCall): Promise<AfterRefusal> {
    const { kind, token } = refused;
    const call = this.#world.callOf(refused.signal);
    call.unanswered = undefined;
    call.isSuspect ||= this.suspects.has(kind);
    call.partsLeft = Math.min(call.partsLeft, this.#rule.parts(this.#world.clock.now()));
    const pending = this.#observe(refused, () => this.cache.refused.replace(refused));
    const outcome = this.#outcomes.at(-1);
    const id = `${this.#name}#${this.#outcomes.length}`;
    const joined = this.cache.isRequesting ? outcome : undefined;
    let result: AfterRefusal;
    try {
      result = await pending;
    } catch (error) {
      // A caller that aborts still belongs to the callers that joined.
      void joined?.then((end) => {
        if (end === "failed" || (end !== "withheld" && end.accessToken === token.accessToken))
          this.#failed(kind, id);
      });
      throw error;
    }
    if (result.kind === "same" || (result.kind === "none" && result.error !== undefined))
      this.#failed(kind, id);
    if (result.kind === "none" && result.error === undefined) this.#refusedWithout(kind);
    if (result.kind !== "resend" || result.replacement === undefined) return result;
    const { replacement } = result;
    const request = this.#world.circumstances.store === "shared" ? result.token.accessToken : id;
    call.unanswered = request;
    const failed = (failing: string): Token | undefined => {
      call.unanswered = undefined;
      // The process that made the request counts its failure.
      if (result.token.isShared) this.suspects.certain.add(failing);
      else this.#failed(failing, request);
      return replacement.failed(failing);
    };
    return { ...result, replacement: { failed } };
  }

  /** The caller gets the response of the server, and no token request has failed. */
  #refusedWithout(kind: string): void {
    if (this.suspects.has(kind) || this.cache.snapshot().state === "cooldown") return;
    if (this.#rule.parts(this.#world.clock.now()) >= 1)
      this.#world.reportViolation(
        "a kind that is not a suspect got no token request, with an allowance left",
      );
  }

  #failed(kind: string, request: string): void {
    this.suspects.certain.add(kind);
    this.#rule.failed(this.#world.clock.now(), request, this.#world.suspectsOf(this.#rule));
  }

  /** Wraps the source to record the outcome of each call. */
  #acquired(source: TokenSource): TokenSource {
    return {
      getToken: (request) => {
        // This request follows a withheld one. It is for the callers that joined that one although they are suspects
        // and it was not for a suspect, or the reverse.
        if (request.refused !== undefined && !this.#isObserving) this.#isHeld = !this.#isHeld;
        const answer = source.getToken(request);
        const got = (token: Token): Outcome => {
          this.hasTokenUntil = Math.max(this.hasTokenUntil, token.expiresAt);
          return token;
        };
        const outcome = answer.then(got, (error: unknown): Outcome => {
          if (error instanceof ReplacementWithheld) return "withheld";
          if (error instanceof McpAuthError) return "failed";
          throw error;
        });
        this.#outcomes.push(outcome);
        return answer;
      },
    };
  }

  /** Wraps the source to check each request to the authorization server. */
  #counted(source: TokenSource): TokenSource {
    return {
      getToken: async (request) => {
        const { clock, circumstances } = this.#world;
        this.#world.steps += 1;
        if (request.refused !== undefined && circumstances.store === "shared") {
          const now = clock.now();
          if (this.#isHeld && now < this.#rule.heldUntilAtLeast)
            this.#world.reportViolation("a token request for a suspect within the hold");
          if (!this.#isHeld && this.#rule.parts(now) < 1)
            this.#world.reportViolation("a token request with an empty allowance");
          this.#rule.requested(now, this.#isHeld);
        }
        return await source.getToken(request);
      },
    };
  }
}
