import type { KeyObject } from "node:crypto";
import type { Authority, IssuedCertificate } from "../certificates.js";
import type { FormField } from "./expected-request.js";
import type { SignedJwt } from "./signed-jwt.js";

/**
 * A product that a config of the documentation is for: what it publishes, what the machine has, and the requests that it
 * accepts. URLs are those of the documentation; for a test, their hosts are replaced by local servers.
 */
export interface Product {
  /** The mark of the config on its page. */
  readonly mark: string;
  /** A sentence that says what the config does. */
  readonly title: string;
  /** Documents by their URL. Every other metadata URL answers 404. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** The variables of the machine. `local` replaces the hosts of URLs. */
  readonly env?: Variables | ((local: Localize) => Variables);
  /** The files of the machine by their path, relative to the config or absolute. */
  readonly files?: Readonly<Record<string, string>>;
  /** The commands of the machine by their path, or by their name in `PATH`. */
  readonly commands?: Readonly<Record<string, ProductCommand>>;
  /** The requests that the product expects, in their order. Each must be sent exactly once. */
  readonly requests: readonly ProductRequest[];
  /** URLs that must not be requested. */
  readonly unread?: readonly string[];
  /** The token that the MCP server must receive. Default: that of `granted`. */
  readonly token?: string | ((local: Localize) => string);
  /** The token of the user for whom the call is made. */
  readonly userToken?: string;
  /** The codes of the warnings that the config causes. Default: none. */
  readonly warnings?: readonly string[];
  /** Without it, the servers speak HTTP, because the documentation's hosts have no certificates here. */
  readonly mutualTls?: {
    /** Issued the certificates of servers and clients. */
    readonly authority: Authority;
    /** The client's own certificate, which every token request must present. */
    readonly own: IssuedCertificate;
    readonly another: IssuedCertificate;
  };
}

type Variables = Readonly<Record<string, string>>;
export type Answer = Readonly<Record<string, unknown>> | string;
/** Replaces the hosts of URLs by their local servers. */
export type Localize = (text: string) => string;

export interface ProductRequest {
  /** `POST` for a token request. */
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly form?: readonly FormField[];
  /** What the product answers: an object as JSON, or a text. A function can create a token that names a host. */
  readonly answer: Answer | ((local: Localize) => Answer);
  /** The headers of the answer. */
  readonly answerHeaders?: Readonly<Record<string, string>>;
}

export interface ProductCommand {
  /** All arguments. With others, the command fails. */
  readonly args: readonly string[];
  /** All of its input. Without it, the input is not read. */
  readonly stdin?: string;
  readonly prints: string;
}

/** What the product answers unless a test says otherwise. */
export const granted = { access_token: "granted", token_type: "Bearer", expires_in: 3600 };

/** The headers of every token request. */
const formHeaders = {
  accept: "application/json",
  "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
};

/** The header of `client_secret_basic` (RFC 6749 §2.3.1). Both parts are written as they are sent. */
export function basic(id: string, secret: string): { readonly authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString("base64")}` };
}

/** A token request that sends these fields, in this order. */
export function tokenRequest(
  url: string,
  form: readonly FormField[],
  more: Partial<Pick<ProductRequest, "headers" | "answer">> = {},
): ProductRequest {
  const { headers, answer = granted } = more;
  return { method: "POST", url, headers: { ...formHeaders, ...headers }, form, answer };
}

/** Creates a JWT as a platform might issue it. The package does not verify it. */
export function platformToken(claims: Readonly<Record<string, unknown>>): string {
  const exp = Math.floor(Date.now() / 1_000) + 600;
  const [header, payload] = [
    { alg: "RS256", kid: "platform" },
    { exp, ...claims },
  ].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return `${header}.${payload}.c2lnbmVk`;
}

/** Returns the PEM of a private key (PKCS#8). */
export function pem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

const assertionTypes = "urn:ietf:params:oauth:client-assertion-type:";

/** The fields of a client assertion (RFC 7523 §2.2), in the order in which they are sent. */
export function clientAssertion(
  assertion: string | SignedJwt,
  type: "jwt-bearer" | "jwt-spiffe" = "jwt-bearer",
): readonly FormField[] {
  return [
    ["client_assertion_type", assertionTypes + type],
    ["client_assertion", assertion],
  ];
}

export const jwtBearerGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
