import { McpAuthError } from "../../errors/error.js";
import { placeholder, rememberShortLived, withoutCredentials } from "../../errors/sent-credentials.js";
import { longestLifetime } from "../../lib/duration.js";
import { type JsonObject, parseJsonObject } from "../../lib/json-object.js";
import { Secret } from "../../lib/secret.js";
import type { EgressRules } from "../../net/egress.js";
import { verificationUri } from "./verification-uri.js";

/** The response of a device authorization endpoint, RFC 8628 §3.2. */
export interface DeviceAuthorization {
  /** Together with the client's credential, it gets the tokens. */
  readonly deviceCode: Secret;
  /** Text that the server chose. */
  readonly userCode: string;
  /** The URL of a page, in ASCII. */
  readonly verificationUri: string;
  /** The same page with the code filled in. */
  readonly verificationUriComplete: string | undefined;
  /** Milliseconds. */
  readonly expiresIn: number;
  /** Milliseconds between two token requests. */
  readonly interval: number;
}

/** Characters. People type it. */
const longestUserCode = 64;
/** Characters. */
const shortestCredential = 12;
/** Milliseconds. RFC 8628 §3.5 names the interval that applies if the server names none. */
const defaultInterval = 5_000;
const shortestInterval = 1_000;
/** Milliseconds, if the server does not say how long the code is valid, which RFC 8628 requires. */
const defaultLifetime = 600_000;

/**
 * Reads the body of a successful response. `rules` decide which pages people may be sent to. Throws
 * `token_response_invalid` and `insecure_url`.
 */
export function readDeviceAuthorization(
  body: string,
  { server, name }: { readonly server: string; readonly name: string },
  rules: EgressRules,
): DeviceAuthorization {
  const invalid = (problem: string): McpAuthError =>
    new McpAuthError(
      "token_response_invalid",
      `Server "${server}": the response of ${name} cannot be used: ${problem} Tell the operator of the server.`,
      { server },
    );
  const members: JsonObject | undefined = parseJsonObject(body);
  if (members === undefined) throw invalid("it is not a JSON object.");
  const { device_code, user_code, verification_uri, verification_url } = members;
  if (typeof device_code !== "string" || device_code === "") throw invalid('it has no "device_code".');
  rememberShortLived(device_code);
  if (typeof user_code !== "string" || user_code === "") throw invalid('it has no "user_code".');
  if (user_code.length > longestUserCode) throw invalid('its "user_code" is too long to be typed.');
  // Google uses the name of an early draft.
  const page = verification_uri ?? verification_url;
  if (page === undefined) throw invalid('it has no "verification_uri".');
  const uri = verificationUri(page, `the "verification_uri" of ${name}`, rules);
  const complete = completeUri(members["verification_uri_complete"], name, rules);
  // Both are printed, also into logs.
  if (hasCredential(user_code))
    throw invalid('its "user_code" has the "device_code" or another secret in it.');
  if (hasCredential(uri))
    throw invalid('its "verification_uri" has the "device_code" or another secret in it.');
  return {
    deviceCode: new Secret(device_code),
    userCode: user_code,
    verificationUri: uri,
    verificationUriComplete: complete === undefined || hasCredential(complete) ? undefined : complete,
    expiresIn: milliseconds(members["expires_in"]) ?? defaultLifetime,
    interval: Math.max(milliseconds(members["interval"]) ?? defaultInterval, shortestInterval),
  };
}

/** Returns the page with the code filled in. It only saves typing, so one that must not be shown is left out. */
function completeUri(value: unknown, name: string, rules: EgressRules): string | undefined {
  if (value === undefined) return undefined;
  try {
    return verificationUri(value, `the "verification_uri_complete" of ${name}`, rules);
  } catch (error) {
    if (error instanceof McpAuthError) return undefined;
    throw error;
  }
}

/**
 * Whether a text has a credential in it that this process has sent, or the device code. A secret that is a short word,
 * such as those of tests, is not looked for: it can be in the URL of any page.
 */
function hasCredential(text: string): boolean {
  const shown = withoutCredentials(text).split(placeholder).join("");
  return text.length - shown.length >= shortestCredential;
}

/** Returns a number of seconds in milliseconds. Some servers send numbers as strings. */
function milliseconds(value: unknown): number | undefined {
  const seconds = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
  if (typeof seconds !== "number" || !(seconds > 0)) return undefined;
  return Math.min(seconds, longestLifetime) * 1_000;
}
