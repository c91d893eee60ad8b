import { createPublicKey, type KeyObject, randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { CompactSign, compactVerify } from "jose";

type Members = Readonly<Record<string, unknown>>;

/** A JWT that the package signs. */
export interface SignedJwt {
  readonly privateKey: KeyObject;
  /** The whole header. */
  readonly header: Members & { readonly alg: string };
  /** All claims but `iat`, `exp` and `jti`. */
  readonly claims: Members;
  /** `exp` less `iat`, in seconds. */
  readonly lifetime: number;
}

/** Seconds that `iat` may be in the past. */
const maxAge = 15;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Verifies a JWT and returns what differs from the expected one. Remembers its `jti` if nothing does. */
export async function jwtDifferences(expected: SignedJwt, jwt: string, used: Set<string>): Promise<string[]> {
  const [header, claims] = jwt.split(".").slice(0, 2).map(decodePart);
  if (header === undefined || claims === undefined) return ["not a JWT"];
  const found = memberDifferences("header", expected.header, header);
  const publicKey = createPublicKey(expected.privateKey);
  const verified = await compactVerify(jwt, publicKey).catch(() => undefined);
  if (verified === undefined) found.push("signature");
  const { iat, exp, jti, ...others } = claims;
  found.push(...memberDifferences("claim", expected.claims, others));
  const now = Date.now() / 1_000;
  if (!Number.isInteger(iat) || Number(iat) > now || Number(iat) < now - maxAge) found.push("claim iat");
  if (!Number.isInteger(exp) || Number(exp) - Number(iat) !== expected.lifetime) found.push("claim exp");
  if (typeof jti !== "string" || !uuid.test(jti) || used.has(jti)) found.push("claim jti");
  else if (found.length === 0) used.add(jti);
  return found;
}

/** Returns the payload that the package would sign now. */
export function expectedPayload({ claims, lifetime }: SignedJwt): Members {
  const iat = Math.floor(Date.now() / 1_000) - 5;
  return { ...claims, iat, exp: iat + lifetime, jti: randomUUID() };
}

/** Signs a JWT. Members that are `undefined` are left out. */
export async function sign(header: SignedJwt["header"], payload: Members, key: KeyObject): Promise<string> {
  const { alg } = header;
  const present = Object.entries(header).filter(([, value]) => value !== undefined);
  return await new CompactSign(Buffer.from(JSON.stringify(payload)))
    .setProtectedHeader({ ...Object.fromEntries(present), alg })
    .sign(key);
}

/** Puts a JWT together whose signature need not be valid. */
export function withSignature(header: Members, payload: Members, signature: string): string {
  const [first, second] = [header, payload].map((part) =>
    Buffer.from(JSON.stringify(part)).toString("base64url"),
  );
  return `${first}.${second}.${signature}`;
}

function memberDifferences(part: "header" | "claim", expected: Members, actual: Members): string[] {
  const names = new Set([...Object.keys(expected), ...Object.keys(actual)]);
  return [...names]
    .filter((name) => !isDeepStrictEqual(expected[name], actual[name]))
    .map((name) => `${part} ${name}`);
}

function decodePart(part: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    // The members of an object are unknown until they are compared.
    return typeof value === "object" && value !== null ? (value as Members) : undefined;
  } catch {
    return undefined;
  }
}
