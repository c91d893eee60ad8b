import { randomBytes, timingSafeEqual } from "node:crypto";
import { McpAuthError } from "../errors/error.js";

/** Characters that need no encoding in a path or header (RFC 3986 §2.3). */
const allowed = /^[A-Za-z0-9._~-]+$/;

/** Returns a new token of 256 bits. */
export function generateToken(): string {
  return randomBytes(32).toString("base64url");
}

/** Returns whether a text has the form of what `generateToken` returns. */
export function isGeneratedToken(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text);
}

/** Throws `config_invalid` for a local token that can be guessed, or that cannot be part of a URL. */
export function assertLocalToken(token: string): void {
  if (!allowed.test(token)) {
    throw unusableToken("has characters that cannot be in a path: use only letters, digits and -._~");
  }
  // A hexadecimal digit has the least bits of all usual notations.
  const bitsPerCharacter = /^[0-9a-f]+$|^[0-9A-F]+$/.test(token) ? 4 : 6;
  if (token.length * bitsPerCharacter < 128 || new Set(token).size < 8) {
    throw unusableToken(
      "can be guessed, because it has fewer than 128 random bits: create one with openssl rand -hex 32",
    );
  }
}

function unusableToken(problem: string): McpAuthError {
  return new McpAuthError("config_invalid", `The local token of the proxy ${problem}.`);
}

/** Returns a function that compares with a token, in a time that depends only on the length. */
export function tokenComparison(token: string): (candidate: string) => boolean {
  const expected = Buffer.from(token);
  return (candidate) => {
    const given = Buffer.from(candidate);
    return given.length === expected.length && timingSafeEqual(given, expected);
  };
}
