import { McpAuthError } from "../../../../src/errors/error.js";
import type { Clock } from "../../../../src/lib/clock.js";
import { pause } from "../../../../src/lib/wait.js";
import type { AttemptRequest } from "../../../../src/oauth/attempt.js";
import type { IssuedToken } from "../../../../src/oauth/issued-token.js";
import { issued, server } from "../fixtures.js";

/** The constants of one history. Times are in milliseconds. */
export interface Circumstances {
  readonly processes: number;
  /** `unnamed`: there is a store, but the token must not be stored. */
  readonly store: "none" | "shared" | "unnamed";
  readonly storeLatency: number;
  readonly lifetime: number;
  readonly tokenLatency: number;
  readonly latency: number;
  /** The MCP server accepts each token once. */
  readonly acceptsOnce: boolean;
  /** How long after the issue of a token the MCP server begins to accept it. */
  readonly acceptsAfter: number;
  /** For how long the authorization server returns the same token again. */
  readonly repeatsFor: number;
  /** Tools that are refused from the beginning. */
  readonly bad: readonly string[];
}

export type TokenMode = "up" | "down" | "refusing";

interface IssuedAt {
  readonly name: string;
  readonly at: number;
  isRevoked: boolean;
  isUsed: boolean;
}

/** The authorization server. It decides on its response when it responds. */
export class TokenServer {
  mode: TokenMode = "up";
  latency: number;
  readonly tokens = new Map<string, IssuedAt>();
  #last: IssuedAt | undefined;
  readonly #clock: Clock;
  readonly #circumstances: Circumstances;

  constructor(clock: Clock, circumstances: Circumstances) {
    this.#clock = clock;
    this.#circumstances = circumstances;
    this.latency = circumstances.tokenLatency;
  }

  readonly grant = async ({ signal }: AttemptRequest): Promise<IssuedToken> => {
    const requestedAt = this.#clock.now();
    if (this.latency > 0) await pause(this.latency, { clock: this.#clock, signal });
    if (this.mode === "down")
      throw new McpAuthError("unavailable", "It is down.", { server, retryable: true });
    if (this.mode === "refusing") throw new McpAuthError("token_request_rejected", "No.", { server });
    const { name, at } = this.#issue();
    const expiresIn = (at + this.#circumstances.lifetime - requestedAt) / 1_000;
    return issued({ accessToken: name, requestedAt, expiresIn });
  };

  revokeAll(): void {
    for (const token of this.tokens.values()) token.isRevoked = true;
  }

  #issue(): IssuedAt {
    const now = this.#clock.now();
    const last = this.#last;
    const { repeatsFor, lifetime } = this.#circumstances;
    if (last !== undefined && !last.isRevoked && now < last.at + Math.min(repeatsFor, lifetime)) return last;
    const token = { name: `t${this.tokens.size + 1}`, at: now, isRevoked: false, isUsed: false };
    this.tokens.set(token.name, token);
    this.#last = token;
    return token;
  }
}

/** The content of a request to the MCP server. */
export interface ToolRequest {
  readonly path: string;
  /** Absent if the client begins a session. */
  readonly tool?: string;
  readonly session?: string | undefined;
}

/** The MCP server. */
export class ToolServer {
  /** Tools that are refused whatever the token, with this status. */
  readonly bad = new Map<string, 401 | 403>();
  #session = 1;
  readonly #clock: Clock;
  readonly #circumstances: Circumstances;
  readonly #tokens: TokenServer;

  constructor(clock: Clock, circumstances: Circumstances, tokens: TokenServer) {
    this.#clock = clock;
    this.#circumstances = circumstances;
    this.#tokens = tokens;
    for (const tool of circumstances.bad) this.bad.set(tool, 401);
  }

  get session(): string {
    return `s${this.#session}`;
  }

  forgetSessions(): void {
    this.#session += 1;
  }

  /** Whether the server accepts this request with a valid token. */
  takes({ path, tool, session }: ToolRequest): boolean {
    return path === "/mcp" && !this.bad.has(tool ?? "") && (session ?? this.session) === this.session;
  }

  accepts(request: ToolRequest, name: string): boolean {
    return this.takes(request) && this.#isGood(name);
  }

  answer(request: ToolRequest, name: string): Response {
    const token = this.#tokens.tokens.get(name);
    if (token !== undefined && this.accepts(request, name)) {
      token.isUsed = true;
      return new Response(null, { status: 200 });
    }
    const status = this.bad.get(request.tool ?? "") ?? 401;
    return new Response(null, { status, headers: { "www-authenticate": 'Bearer error="invalid_token"' } });
  }

  #isGood(name: string): boolean {
    const { lifetime, acceptsOnce, acceptsAfter } = this.#circumstances;
    const token = this.#tokens.tokens.get(name);
    const now = this.#clock.now();
    if (token === undefined || token.isRevoked || (acceptsOnce && token.isUsed)) return false;
    return now >= token.at + acceptsAfter && now < token.at + lifetime;
  }
}
