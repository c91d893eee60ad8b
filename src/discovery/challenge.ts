import { parseScopes } from "../lib/scopes.js";

/** One challenge of a `WWW-Authenticate` header. Scheme and parameter names are in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** What an MCP server says in a challenge: RFC 6750 §3, and RFC 9728 §5.1 for the metadata URL. */
export interface ServerChallenge {
  readonly resourceMetadataUrl?: string;
  readonly scopes?: readonly string[];
  readonly error?: string;
}

/**
 * Parses a `WWW-Authenticate` header (RFC 9110 §11.6.1), also several headers joined by commas. Never throws, and takes
 * linear time. Skips malformed text up to the next comma, and drops values of the form `token68`. If a parameter occurs
 * twice, the first one counts.
 */
export function parseChallenges(header: string | null): readonly Challenge[] {
  const challenges: Challenge[] = [];
  const scanner = new Scanner(header ?? "");
  let parameters: Map<string, string> | undefined;
  while (!scanner.atEnd) {
    if (scanner.take(/[ \t,]+/y) !== undefined) continue;
    const name = scanner.take(/[!#$%&'*+.^_`|~0-9A-Za-z-]+/y)?.toLowerCase();
    if (name === undefined) {
      scanner.skipToComma();
      continue;
    }
    const hasSpace = scanner.take(/[ \t]+/y) !== undefined;
    // A name before `=` is a parameter of the last challenge. Any other name is the scheme of a new challenge.
    if (scanner.take(/=[ \t]*/y) !== undefined) {
      const value = scanner.value();
      if (value === undefined) scanner.skipToComma();
      else if (parameters?.has(name) === false) parameters.set(name, value);
      continue;
    }
    parameters = new Map();
    challenges.push({ scheme: name, parameters });
    // Skips a value of the form `token68`, which is neither a parameter nor the next scheme.
    if (hasSpace) scanner.take(/[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y);
  }
  return challenges;
}

/**
 * Returns the challenge of a response that counts: the first one that names resource metadata, else the first one.
 * Bearer challenges come before DPoP challenges, because a server that requires bound tokens sends only DPoP (RFC 9449
 * §7.1).
 */
export function serverChallenge(headers: Headers): ServerChallenge | undefined {
  const all = parseChallenges(headers.get("www-authenticate"));
  const candidates = ["bearer", "dpop"].flatMap((wanted) => all.filter(({ scheme }) => scheme === wanted));
  const chosen = candidates.find(({ parameters }) => parameters.has("resource_metadata")) ?? candidates[0];
  return chosen && toServerChallenge(chosen);
}

/** Returns all challenges of a response for one token type (RFC 6750 §3, RFC 9449 §7.1). */
export function tokenChallenges(headers: Headers, tokenType: "Bearer" | "DPoP"): readonly ServerChallenge[] {
  const wanted = tokenType.toLowerCase();
  return parseChallenges(headers.get("www-authenticate"))
    .filter(({ scheme }) => scheme === wanted)
    .map(toServerChallenge);
}

/**
 * Returns the parameters of all Bearer and DPoP challenges of a `WWW-Authenticate` header, the last one of each name.
 */
export function tokenChallengeParameters(header: string | null): Readonly<Record<string, string>> {
  const challenges = parseChallenges(header).filter(({ scheme }) => scheme === "bearer" || scheme === "dpop");
  return Object.fromEntries(challenges.flatMap(({ parameters }) => [...parameters]));
}

function toServerChallenge({ parameters }: Challenge): ServerChallenge {
  const url = parameters.get("resource_metadata");
  const scopes = parseScopes(parameters.get("scope")?.split(" "));
  const error = parameters.get("error");
  return {
    ...(url !== undefined && url.length <= 2_048 && URL.canParse(url) ? { resourceMetadataUrl: url } : {}),
    ...(scopes === undefined ? {} : { scopes }),
    ...(error !== undefined && /^[a-z_]{1,64}$/.test(error) ? { error } : {}),
  };
}

/** Reads a text from left to right. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** Returns the text that a sticky pattern matches at the current position, and moves past it. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    this.#at += match?.length ?? 0;
    return match;
  }

  /**
   * Reads a token or a quoted string. Allows more characters than a token may have, because servers forget the quotes.
   */
  value(): string | undefined {
    return this.#text[this.#at] === '"' ? this.#quoted() : this.take(/[^\s,"]+/y);
  }

  /** Moves past a comma, but not one inside quotes. */
  skipToComma(): void {
    while (!this.atEnd) {
      if (this.#text[this.#at] === '"') {
        this.#quoted();
        continue;
      }
      const character = this.#text[this.#at];
      this.#at += 1;
      if (character === ",") return;
    }
  }

  /**
   * Reads a quoted string and returns it without quotes and escapes. If the closing quote is missing, skips the rest of
   * the text.
   */
  #quoted(): string | undefined {
    const text = this.#text;
    let value = "";
    let from = this.#at + 1;
    for (let at = from; at < text.length; at += 1) {
      if (text[at] === '"') {
        this.#at = at + 1;
        return value + text.slice(from, at);
      }
      if (text[at] !== "\\") continue;
      value += text.slice(from, at);
      from = at + 1;
      at += 1;
    }
    this.#at = text.length;
    return undefined;
  }
}
