import { jwtDifferences, type SignedJwt } from "./signed-jwt.js";

/** The one request that a stand-in for a product accepts. */
export interface ExpectedRequest {
  readonly method: "GET" | "POST";
  /** The URL with its query, exactly. */
  readonly url: string;
  /** Names in lowercase. All headers but those that every request has, such as `host`. */
  readonly headers: Readonly<Record<string, string>>;
  /** The form fields in the order in which they are sent. Without them, the body is empty. */
  readonly form?: readonly FormField[];
  /** The thumbprint of the client's certificate. */
  readonly certificate?: string | undefined;
}

export type FormField = readonly [name: string, value: string | SignedJwt];

/** A request as it arrived. */
export interface ArrivedRequest {
  readonly method: string;
  readonly url: string;
  /** Names and values alternately, exactly as sent. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
  readonly certificate?: string | undefined;
}

/** These say nothing about the request. */
const ignoredHeaders = new Set([
  ...["host", "connection", "content-length", "user-agent"],
  ...["accept-encoding", "accept-language", "sec-fetch-mode", "cache-control", "pragma"],
]);

/**
 * Compares a request byte by byte with the expected one and returns what differs. `used` remembers the `jti` of each
 * accepted JWT: a second request with the same one differs.
 */
export async function differences(
  expected: ExpectedRequest,
  arrived: ArrivedRequest,
  used: Set<string>,
): Promise<string[]> {
  const found: string[] = [];
  if (arrived.method !== expected.method) found.push("method");
  if (arrived.url !== expected.url) found.push("url");
  if (arrived.certificate !== expected.certificate) found.push("certificate");
  found.push(...headerDifferences(expected.headers, arrived.rawHeaders));
  found.push(...(await formDifferences(expected.form ?? [], arrived.body, used)));
  return found;
}

function headerDifferences(expected: ExpectedRequest["headers"], raw: readonly string[]): string[] {
  const arrived = new Map<string, string[]>();
  for (let index = 0; index < raw.length; index += 2) {
    const name = (raw[index] ?? "").toLowerCase();
    if (!ignoredHeaders.has(name)) arrived.set(name, [...(arrived.get(name) ?? []), raw[index + 1] ?? ""]);
  }
  const names = new Set([...Object.keys(expected), ...arrived.keys()]);
  return [...names]
    .filter((name) => {
      const [value, another] = arrived.get(name) ?? [];
      return value === undefined || another !== undefined || value !== expected[name];
    })
    .map((name) => `header ${name}`);
}

async function formDifferences(
  expected: readonly FormField[],
  body: string,
  used: Set<string>,
): Promise<string[]> {
  const arrived = body === "" ? [] : body.split("&").map(nameAndValue);
  const names = arrived.map(([name]) => name);
  const wanted = expected.map(([name]) => encode(name));
  if (names.join("&") !== wanted.join("&")) {
    const count = (list: readonly string[], name: string) => list.filter((one) => one === name).length;
    const wrong = [...new Set([...wanted, ...names])].filter(
      (name) => count(wanted, name) !== count(names, name),
    );
    return wrong.length === 0 ? ["order of fields"] : wrong.map((name) => `field ${name}`);
  }
  const found: string[] = [];
  for (const [index, [name, value]] of expected.entries()) {
    const sent = arrived[index]?.[1] ?? "";
    if (typeof value === "string") {
      if (sent !== encode(value)) found.push(`field ${name}`);
    } else {
      const wrong = await jwtDifferences(value, sent, used);
      found.push(...wrong.map((difference) => `field ${name}: ${difference}`));
    }
  }
  return found;
}

function nameAndValue(pair: string): readonly [name: string, value: string] {
  const at = pair.indexOf("=");
  return at === -1 ? [pair, ""] : [pair.slice(0, at), pair.slice(at + 1)];
}

/** Encodes a name or a value as a form does (WHATWG URL, `application/x-www-form-urlencoded`). */
export function encode(text: string): string {
  return new URLSearchParams([["", text]]).toString().slice(1);
}
