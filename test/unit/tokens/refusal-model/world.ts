import { McpAuthError } from "../../../../src/errors/error.js";
import { parseRequest } from "../../../../src/http/replayable-request.js";
import { requestKind } from "../../../../src/http/request-kind.js";
import { pause } from "../../../../src/lib/wait.js";
import { createMemoryStore, MemoryData } from "../../../../src/stores/memory.js";
import type { TokenStore } from "../../../../src/stores/store.js";
import { type FakeClock, fakeClock } from "../../../support/fake-clock.js";
import { second } from "../fixtures.js";
import { initOf } from "./call-init.js";
import { Process } from "./process.js";
import { mostInAMinute, Rule, type Suspects } from "./rule.js";
import { type Circumstances, TokenServer, type ToolRequest, ToolServer } from "./servers.js";
import { slowStore } from "./slow-store.js";

export interface CallOptions {
  /** The body cannot be sent again. */
  readonly isStream?: boolean;
  /** Milliseconds after which the caller aborts. */
  readonly leavesAfter?: number | undefined;
}

/** A call and its circumstances. */
export interface Call {
  readonly process: Process;
  readonly request: ToolRequest;
  readonly startedAt: number;
  /** Whether its kind was a suspect when it started or was refused. */
  isSuspect: boolean;
  /** Whether there was an unexpired token when it started. */
  readonly hadToken: boolean;
  /** The number of changes at the servers before it started. */
  readonly changes: number;
  /** The tokens that it was sent with. */
  readonly sent: string[];
  /** The request for the token that it was sent with last, until it is known whether that token helped. */
  unanswered: string | undefined;
  /** The lowest allowance when it was refused. */
  partsLeft: number;
}

export interface Figures {
  steps: number;
  calls: number;
  tokenRequests: number;
  mostRequestsInAMinute: number;
  mostOfTheAllowanceInAMinute: number;
  /** Milliseconds from the first call after a revocation to the start of the last one that failed for it. */
  longestRecovery: number;
  /** Calls that were not sent although there was a token. */
  withheldCalls: number;
}

/** Servers and processes with a clock that only the test advances. */
export class World {
  readonly clock: FakeClock = fakeClock(1_000_000 * second, 1);
  readonly circumstances: Circumstances;
  readonly tokenServer: TokenServer;
  readonly toolServer: ToolServer;
  readonly processes: readonly Process[];
  readonly violations: string[] = [];
  steps = 0;
  #changes = 0;
  #calls = 0;
  #withheld = 0;
  #open = 0;
  #recovery = 0;
  /** No call has recovered since tokens were last revoked. */
  #revoked: { firstCall: number | undefined } | undefined;
  readonly #rules = new Map<Rule, Process[]>();
  readonly #data = new MemoryData();
  readonly #bySignal = new WeakMap<AbortSignal, Call>();
  readonly #kinds = new Map<string, string>();

  constructor(circumstances: Circumstances) {
    this.circumstances = circumstances;
    this.tokenServer = new TokenServer(this.clock, circumstances);
    this.toolServer = new ToolServer(this.clock, circumstances, this.tokenServer);
    const shared = new Rule();
    this.processes = Array.from({ length: circumstances.processes }, (_, index) => {
      const rule = circumstances.store === "shared" ? shared : new Rule();
      const process = new Process(this, `p${index}`, rule);
      this.#rules.set(rule, [...(this.#rules.get(rule) ?? []), process]);
      return process;
    });
  }

  reportViolation(what: string): void {
    this.violations.push(`${(this.clock.now() - 1_000_000 * second) / second} s: ${what}`);
  }

  suspectsOf(rule: Rule): readonly Suspects[] {
    return (this.#rules.get(rule) ?? []).map(({ suspects }) => suspects);
  }

  callOf(signal: AbortSignal | undefined): Call {
    const call = signal && this.#bySignal.get(signal);
    if (call === undefined) throw new TypeError("No call has this signal.");
    return call;
  }

  process(number: number): Process {
    const process = this.processes[number % this.processes.length];
    if (process === undefined) throw new TypeError("There is no process.");
    return process;
  }

  /** Applies a change of what the servers answer. */
  change(apply: () => void): void {
    this.#changes += 1;
    // Nothing recovers while the authorization server issues no tokens.
    if (this.tokenServer.mode !== "up") this.#revoked = undefined;
    apply();
  }

  revoke(): void {
    this.change(() => this.tokenServer.revokeAll());
    this.#revoked = { firstCall: undefined };
  }

  /** Creates the store of one process, with the latency of the circumstances. */
  store(): TokenStore {
    const store = createMemoryStore({ clock: this.clock, data: this.#data });
    const { storeLatency } = this.circumstances;
    return storeLatency === 0 ? store : slowStore(store, this.clock, storeLatency);
  }

  /** Makes one call, and returns the status of its response, or `undefined` if it has none. */
  async call(process: Process, request: ToolRequest, options: CallOptions = {}): Promise<number | undefined> {
    const { isStream = false, leavesAfter } = options;
    const { clock } = this;
    this.steps += 1;
    this.#calls += 1;
    this.#open += 1;
    const leaving = new AbortController();
    const init = initOf(request, leaving.signal, isStream);
    const call: Call = {
      ...{ process, request, startedAt: clock.now(), changes: this.#changes },
      isSuspect: !isStream && process.suspects.has(this.#kindOf(request, init)),
      hadToken: clock.now() < process.hasTokenUntil,
      ...{ sent: [], unanswered: undefined, partsLeft: 5 },
    };
    this.#bySignal.set(leaving.signal, call);
    const isOrdinary = !call.isSuspect && !isStream && this.#isOrdinary(request);
    if (isOrdinary && this.#revoked !== undefined) this.#revoked.firstCall ??= clock.now();
    const timer =
      leavesAfter === undefined ? undefined : clock.setTimeout(() => leaving.abort(), leavesAfter);
    let status: number | undefined;
    let failure: unknown;
    try {
      ({ status } = await process.fetch(`https://mcp.example${request.path}`, init));
    } catch (error) {
      failure = error;
    }
    timer?.cancel();
    this.#open -= 1;
    this.#judge(call, { status, failure, isStream, hasLeft: leaving.signal.aborted, isOrdinary });
    return status;
  }

  /** Answers a request as the MCP server does. */
  async receive(process: Process, input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const signal = init.signal ?? undefined;
    const call = this.callOf(signal);
    const [, name = ""] = new Headers(init.headers).get("authorization")?.split(" ") ?? [];
    this.steps += 1;
    const { latest } = process.cache;
    if (name === latest?.accessToken && this.clock.now() >= latest.expiresAt && call.hadToken)
      this.reportViolation(`a call to ${String(input)} with a token that has expired`);
    call.sent.push(name);
    await pause(this.circumstances.latency, { clock: this.clock, signal });
    signal?.throwIfAborted();
    return this.toolServer.answer(call.request, name);
  }

  /** Ends all calls and processes, checks that nothing is left, and returns the figures. */
  async end(): Promise<Figures> {
    await this.clock.advance(240 * second);
    if (this.#open > 0) this.reportViolation(`${this.#open} calls did not end`);
    const stopped = Promise.all(this.processes.map((process) => process.stop()));
    await this.clock.advance(10 * second);
    await stopped;
    await this.clock.settle();
    if (this.clock.pending.length > 0) this.reportViolation(`${this.clock.pending.length} timers are left`);
    const requests = [...this.#rules.keys()].map((rule) => rule.requests);
    const worst = (pick: (isHeld: boolean) => boolean): number =>
      Math.max(...requests.map((each) => mostInAMinute(each.filter((r) => pick(r.isHeld)).map((r) => r.at))));
    const ofTheAllowance = worst((isHeld) => !isHeld);
    if (ofTheAllowance > 11) this.reportViolation(`${ofTheAllowance} requests of the allowance in a minute`);
    return {
      steps: this.steps,
      calls: this.#calls,
      tokenRequests: requests.flat().length,
      mostRequestsInAMinute: worst(() => true),
      mostOfTheAllowanceInAMinute: ofTheAllowance,
      longestRecovery: this.#recovery,
      withheldCalls: this.#withheld,
    };
  }

  /** Returns whether a new token can be requested, and would be accepted immediately for this request. */
  #isOrdinary(request: ToolRequest): boolean {
    const { acceptsOnce, acceptsAfter } = this.circumstances;
    return (
      this.tokenServer.mode === "up" && !acceptsOnce && acceptsAfter === 0 && this.toolServer.takes(request)
    );
  }

  #judge(
    call: Call,
    end: {
      readonly status: number | undefined;
      readonly failure: unknown;
      readonly isStream: boolean;
      readonly hasLeft: boolean;
      readonly isOrdinary: boolean;
    },
  ): void {
    const { process, request, sent, hadToken } = call;
    const { status, failure, isStream, hasLeft, isOrdinary } = end;
    if (hadToken && sent.length === 0 && !hasLeft) {
      this.#withheld += 1;
      this.reportViolation(`a call was not sent: ${codeOf(failure)}`);
    }
    if (failure !== undefined && !hasLeft && sent.length > 0)
      this.reportViolation(`a call that was sent ended with ${codeOf(failure)}`);
    if (isStream || hasLeft || status === undefined) return;
    if (status !== 200 && call.unanswered !== undefined)
      this.reportViolation("a new token was refused, and nobody was told");
    const isSame = call.changes === this.#changes;
    const current = process.cache.latest?.accessToken ?? "";
    if (
      status !== 200 &&
      sent.at(-1) !== current &&
      sent.length < 4 &&
      this.toolServer.accepts(request, current)
    )
      this.reportViolation("a call was refused that the server would accept with the current token");
    if (!isOrdinary || !isSame || call.isSuspect) return;
    const revoked = this.#revoked;
    if (status === 200) {
      if (revoked !== undefined && revoked.firstCall !== undefined) this.#revoked = undefined;
      return;
    }
    if (revoked?.firstCall !== undefined) {
      const after = call.startedAt - revoked.firstCall;
      this.#recovery = Math.max(this.#recovery, after);
      if (after > 10 * second) this.reportViolation(`refused ${after} ms after a revocation`);
    }
    if (call.partsLeft >= 1 && process.cache.snapshot().state !== "cooldown" && hadToken)
      this.reportViolation("a call of a kind that is no suspect was refused, with an allowance left");
  }

  #kindOf(request: ToolRequest, init: RequestInit): string {
    const key = JSON.stringify(request);
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      const url = `https://mcp.example${request.path}`;
      kind = requestKind(parseRequest(url, init), new URL(url));
      this.#kinds.set(key, kind);
    }
    return kind;
  }
}

function codeOf(error: unknown): string {
  return error instanceof McpAuthError ? error.code : String(error);
}
